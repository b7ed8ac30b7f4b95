"""The base class of the routes of version 2 that show records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from orchestrator_core.api.errors import NoSuchRecord
from orchestrator_core.api.resource import Request, Resource
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared import encoding
from orchestrator_core.api.shared.encoded import Encoded
from orchestrator_core.api.shared.watched import watched
from orchestrator_core.api.v2.cursors import cursor_after
from orchestrator_core.api.v2.problems import InvalidQuery
from orchestrator_core.errors import UnknownCloud, Unsupported
from orchestrator_core.settings.faults import nearest

if TYPE_CHECKING:  # it imports SQLAlchemy, which is loaded only on a server with a database
    from orchestrator_core.broker.queries import OperationQueries

T = TypeVar("T")
Row = TypeVar("Row", bound=Any)

_MOST_BYTES: Final = 4_194_304
"""The bytes after which a page ends, however many rows were requested."""

_SHOWN: Final = 64


class RecordsResource(Resource):
    """A route that shows records."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def watched(
        self,
        req: Request,
        operation: str,
        parameters: dict[str, Any],
        work: Callable[[dict[str, Any]], Awaitable[T]],
    ) -> T:
        """Act as :func:`~orchestrator_core.api.shared.watched.watched`."""
        return await watched(self._services, req, operation, parameters, work)

    @property
    def records(self) -> OperationQueries:
        """Return the queries of recorded operations and assignments.

        Raises:
            Unsupported: when this server has no ``[state]``.
        """
        records = self._services.broker.records
        if records is None:
            raise Unsupported("This server has no [state], so nothing is recorded")
        return records

    @staticmethod
    def identity(name: str) -> str:
        """Return the id that a path names.

        Raises:
            NoSuchRecord: when no record can have that id.
        """
        if "\0" in name:
            raise NoSuchRecord(f"There is no record {name[:_SHOWN]!r}")
        return name

    async def filters(
        self,
        given: Mapping[str, str],
        columns: Mapping[str, str],
        choices: Mapping[str, Collection[str]],
    ) -> dict[str, str]:
        """Return the filters of a query by column; a cloud is replaced by its own name.

        Args:
            given: the parameters of the query.
            columns: the column of each filter.
            choices: the possible values of the filters that have a fixed set of them.

        Raises:
            InvalidQuery: for a value that can never match; an empty list would hide the fault.
            Unsupported: when this server has no ``[state]``.
        """
        records = self.records
        for name, options in choices.items():
            if name in given and given[name] not in options:
                raise InvalidQuery(name, f"must be one of {', '.join(options)}")
        filters = {columns[name]: value for name, value in given.items() if name in columns}
        if "cloud" in filters:
            filters["cloud"] = await self._own_name(records, filters["cloud"])
        return filters

    async def _own_name(self, records: OperationQueries, named: str) -> str:
        """Return the name of a cloud that is configured, or that recorded rows still name."""
        registry = self._services.registry
        try:
            return registry.cloud(named).name
        except UnknownCloud:
            if await records.has_cloud(named):
                return named
        shown = named[:_SHOWN]
        there = ", ".join(sorted(registry.clouds)) or "none"
        hint = nearest(shown, registry.clouds)
        raise InvalidQuery("cloud", f"there is no cloud {shown!r}{hint}; there are: {there}")


def encode_rows(
    key: str, rows: Iterable[Row], shape: Callable[[Row], dict[str, Any]], limit: int
) -> tuple[Encoded, str | None]:
    """Return the answer with a page of records, and the cursor of the next page.

    This blocks, so call it in a thread. The page ends early after 4 MiB.

    Args:
        key: the list's key.
        rows: all remaining rows, read as they are consumed.
        shape: the function that shapes one row.
        limit: the most rows of the page.
    """
    last: str | None = None
    cursor: str | None = None

    def texts() -> Iterator[bytes]:
        nonlocal last, cursor
        count = size = 0
        for row in rows:
            if count >= limit or size >= _MOST_BYTES:
                assert last is not None
                cursor = cursor_after(last)
                return
            last = row.id
            text = encoding.encode_item(shape(row))
            count, size = count + 1, size + len(text)
            yield text

    items = Encoded(encoding.grouped(texts()))
    return encoding.encode_list({}, key, items, {"next": cursor}), cursor
