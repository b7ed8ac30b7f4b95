"""The VMs to take over: those that an operator names, a file or a backend lists, or all."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator_core.cli.adopt.listing import Listing
from orchestrator_core.clouds.living import is_living
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.model import Node, Vm, VmStatus
from orchestrator_core.settings.durations import parse_lease

if TYPE_CHECKING:  # it needs SQLAlchemy
    from orchestrator_core.broker.takeover import Target, User

COLUMNS: Final = ("node", "hostname", "user", "application", "lease")


class _RowError(Exception):
    """A row that cannot be carried out; the message says why."""


@dataclass(slots=True)
class Plan:
    """The VMs to take over, each once, and a line for each that cannot be.

    Attributes:
        targets: the VMs.
        refused: lines, each with the VM and the reason.
    """

    targets: list[Target] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Row:
    place: str
    node: str
    hostname: str
    user: User | None


def make_plan(
    listing: Listing, nodes: Sequence[str], users: Path | None, *, everything: bool
) -> Plan:
    """Return the VMs to take over, those with a user first.

    Args:
        listing: the lists of the cloud and of the backend.
        nodes: the ids that the operator named.
        users: the CSV file.
        everything: whether all other living VMs of the cloud follow.

    Raises:
        OrchestratorError: The file is no CSV with these columns, or the cloud's users cannot be
            recorded here.
    """
    from orchestrator_core.broker.takeover import Target  # noqa: PLC0415 - needs SQLAlchemy

    plan, living, taken = Plan(), _Living(listing), dict[str, str]()
    for row in _rows(listing, nodes, users, plan):
        if row.node in taken and row.place == row.node:
            continue  # named on the command line, beside a list with its user
        try:
            node = living.find(row)
            _check_once(node, taken)
        except _RowError as error:
            plan.refused.append(f"{row.place}: {error}")
        else:
            taken[node.id] = row.place
            plan.targets.append(Target(node, row.user))
    if everything:
        rest = [node for node in living.nodes if node.id not in taken]
        plan.targets += [Target(node, is_named=False) for node in rest]
    return plan


def _check_once(node: Node, taken: Mapping[str, str]) -> None:
    if node.id in taken:
        raise _RowError(f"node {node.id} is named by {taken[node.id]} already")


def _rows(listing: Listing, nodes: Sequence[str], users: Path | None, plan: Plan) -> Iterator[_Row]:
    if users is not None:
        yield from _of_file(listing, users, plan)
    yield from _of_backend(listing, plan)
    for node in dict.fromkeys(nodes):
        yield _Row(node, node, "", None)


def _of_file(listing: Listing, file: Path, plan: Plan) -> Iterator[_Row]:
    if listing.keeps_own:
        raise OrchestratorError(
            f"Cloud {listing.cloud} is assigned by {listing.backend}, which keeps its own "
            f"list; assign there, then import with --from-backend {listing.backend}"
        )
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True, restkey="", restval="")
            _check_header(file, reader.fieldnames or ())
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise OrchestratorError(f"{file} cannot be read as CSV: {error}") from None
    for number, row in rows:
        place = f"{file.name}:{number}"
        try:
            given = _values(row)
            yield _Row(place, given.get("node", ""), given.get("hostname", ""), _user(given))
        except _RowError as error:
            plan.refused.append(f"{place}: {error}")


def _values(row: Mapping[str, str]) -> dict[str, str]:
    if "" in row:
        raise _RowError("there are more values than columns")
    return {name: value.strip() for name, value in row.items()}


def _check_header(file: Path, columns: Sequence[str]) -> None:
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown or not {"node", "hostname"} & set(columns):
        wrong = f"it has {', '.join(map(repr, unknown))}" if unknown else "none names a VM"
        raise OrchestratorError(
            f"{file}: the first line has to name the columns, node or hostname among them, out of "
            f"{', '.join(COLUMNS)}; {wrong}"
        )


def _user(given: dict[str, str]) -> User | None:
    from orchestrator_core.broker.takeover import User  # noqa: PLC0415 - needs SQLAlchemy

    user, application, lease = (given.get(name, "") for name in COLUMNS[2:])
    if not user and not application and not lease:
        return None
    if not user or not application:
        raise _RowError("a user needs an application, and an application a user")
    try:
        return User(user, application, parse_lease(lease) if lease else None)
    except ValueError as error:
        raise _RowError(f"lease: {error}") from None


def _of_backend(listing: Listing, plan: Plan) -> Iterator[_Row]:
    from orchestrator_core.broker.takeover import User  # noqa: PLC0415 - needs SQLAlchemy

    for record in listing.records:
        user = None
        if record.user:
            why = _why_not_held(record)
            if why:
                plan.refused.append(
                    f"{record.id_vm} ({record.hostname}): the backend {why}, with the user "
                    f"{record.user}"
                )
                continue
            user = User(record.user, record.recipe, number=record.id)
        yield _Row(record.id_vm, record.id_vm, "", user)


def _why_not_held(record: Vm) -> str:
    """Return why a record with a user is no assignment; empty for one that is."""
    if record.status != VmStatus.ASSIGNED.value:
        return f"shows it as {record.status_desc}"
    return "" if record.recipe else "names no application"


class _Living:
    """The VMs of a cloud that have not ended, by id and by name."""

    def __init__(self, listing: Listing) -> None:
        self.nodes = [node for node in listing.nodes if is_living(node)]
        self._cloud = listing.cloud
        self._by_id = {node.id: node for node in self.nodes}
        self._by_name: dict[str, list[Node]] = {}
        for node in self.nodes:
            self._by_name.setdefault(node.name, []).append(node)

    def find(self, row: _Row) -> Node:
        """Return the VM that a row means.

        Raises:
            _RowError: There is none, or there are several.
        """
        if not row.node and not row.hostname:
            raise _RowError("it names no VM: node and hostname are empty")
        named = self._by_name.get(row.hostname, [])
        found = self._by_id.get(row.node) if row.node else next(iter(named), None)
        if found is None:
            raise _RowError(self._why_not(row.node))
        if not row.node and len(named) > 1:
            ids = ", ".join(node.id for node in named)
            raise _RowError(f"{row.hostname} is the name of the nodes {ids}; give the id")
        if row.hostname and found.name != row.hostname:
            raise _RowError(f"node {found.id} is called {found.name}, not {row.hostname}")
        return found

    def _why_not(self, node_id: str) -> str:
        named = self._by_name.get(node_id, []) if node_id else []
        if named:
            ids = ", ".join(node.id for node in named)
            return f"it is the name of node {ids}; give the id"
        return f"{self._cloud} lists no such VM, or it is gone"
