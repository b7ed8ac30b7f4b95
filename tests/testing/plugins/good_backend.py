"""A small assignment backend that keeps its assignments itself, in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from marshmallow import Schema, fields

from orchestrator_core import (
    AssignmentResult,
    AssignRequest,
    BackendContext,
    CloudUnreachable,
    InvalidParameter,
    NodeNotFound,
    Refused,
    Secret,
    SecretField,
    Vm,
    VmStatus,
    hookimpl,
)

if TYPE_CHECKING:  # The kit is installed with the tests only.
    from orchestrator_core.testing import Fake, Stage

TOKEN = "hunter2-token"


@dataclass
class Desk:
    """The backend's server: all plugin objects that name it see the same VMs."""

    vms: dict[tuple[str, str], Vm] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)


DESKS: dict[str, Desk] = {}


class GoodSettings(Schema):
    """The settings: the backend's address and credentials."""

    desk = fields.String(required=True)
    token = SecretField(required=True)


class GoodBackend:
    """An assignment backend with every hook."""

    external: ClassVar[bool] = True
    settings_schema: type[Schema] = GoodSettings
    fake = "good_backend:fake"

    def __init__(self, context: BackendContext, settings: dict[str, Any]) -> None:
        self.where: str = settings["desk"]
        self.token: Secret = settings["token"]

    @property
    def desk(self) -> Desk:
        desk = DESKS.get(self.where)
        if desk is None:
            raise CloudUnreachable("The backend cannot be reached")
        return desk

    def of(self, cloud: str) -> list[Vm]:
        return [vm for (its, _), vm in list(self.desk.vms.items()) if its == cloud]

    @hookimpl
    def check(self) -> None:
        assert self.desk

    @hookimpl
    def list_vms(self, cloud: str) -> list[Vm]:
        return [replace(vm) for vm in self.of(cloud)]

    @hookimpl
    def resolve_vm(self, cloud: str, node: str | None, hostname: str | None) -> Vm:
        vm = self.meant(cloud, node, hostname)
        if node is not None and hostname is not None and vm.hostname != hostname:
            raise InvalidParameter("hostname", f"{hostname!r} is not node {node!r}")
        return replace(vm)

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        with self.desk.lock:
            vm = self.known(request.cloud, request.vm)
            if vm.user:
                raise Refused(f"Node {vm.id_vm} is assigned already")
            vm.user, vm.recipe = request.user, request.vm_type
            vm.status, vm.status_desc = VmStatus.ASSIGNED.value, VmStatus.ASSIGNED.name
        return AssignmentResult(vm.id, vm.id_vm, f"Node {vm.id_vm} assigned")

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        with self.desk.lock:
            known = self.known(cloud, vm)
            if not known.user:
                raise Refused(f"Node {known.id_vm} is not assigned")
            known.user, known.recipe = "", ""
            known.status, known.status_desc = VmStatus.FREE.value, VmStatus.FREE.name
        return AssignmentResult(known.id, known.id_vm, f"Node {known.id_vm} released")

    @hookimpl
    def abort(self) -> None:
        pass

    @hookimpl
    def close(self) -> None:
        pass

    def meant(self, cloud: str, node: str | None, hostname: str | None) -> Vm:
        for vm in self.of(cloud):
            if vm.id_vm == node or (node is None and vm.hostname == hostname):
                return vm
        raise self.unknown(cloud, node or hostname)

    def known(self, cloud: str, vm: Vm) -> Vm:
        return self.meant(cloud, vm.id_vm, None)

    def unknown(self, cloud: str, name: str | None) -> Exception:
        return NodeNotFound(f"There is no VM {name!r}")


class GoodLedgerBackend(GoodBackend):
    """A backend that keeps nothing itself: the core's ledger knows the holders."""

    external = False
    instead: ClassVar = {"A17": "unsupported"}

    def __init__(self, context: BackendContext, settings: dict[str, Any]) -> None:
        super().__init__(context, settings)
        self.inventory = context.inventory

    @hookimpl
    def list_vms(self, cloud: str) -> list[Vm]:
        assert self.desk
        known = self.inventory.ledger(cloud)
        return [known.get(vm.id_vm, vm) for vm in super().list_vms(cloud)]

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        node_id = self.known(request.cloud, request.vm).id_vm
        return AssignmentResult(0, node_id, f"Node {node_id} assigned")

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        node_id = self.known(cloud, vm).id_vm
        return AssignmentResult(0, node_id, f"Node {node_id} released")


@contextmanager
def fake(stage: Stage) -> Iterator[Fake]:
    """Return a fake backend that knows the nodes of the cloud."""
    from orchestrator_core.testing import Fake  # noqa: PLC0415 - installed with the tests only

    (stage.directory / "token").write_text(TOKEN)
    where = str(stage.directory)
    DESKS[where] = Desk(
        {
            ("cloud", node.id): Vm(number, node.id, node.name, cloud="cloud")
            for number, node in enumerate(stage.nodes, 1)
        }
    )
    own = {"desk": where, "token": f"file:{stage.directory / 'token'}"}
    try:
        yield Fake(settings=own, unreachable={**own, "desk": "nowhere"}, settle=0.4)
    finally:
        del DESKS[where]
