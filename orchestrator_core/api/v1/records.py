"""The base class of the routes that show records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from orchestrator_core.api.encoded import Encoded
from orchestrator_core.api.errors import NoSuchRecord
from orchestrator_core.api.resource import Request, Resource
from orchestrator_core.api.services import Services
from orchestrator_core.api.v1 import encoding
from orchestrator_core.api.v1.paging import PAGING, filters_of
from orchestrator_core.api.v1.watched import watched
from orchestrator_core.errors import InvalidParameter, UnknownCloud, Unsupported
from orchestrator_core.settings.faults import nearest

if TYPE_CHECKING:  # it imports SQLAlchemy, which is loaded only on a server with a database
    from orchestrator_core.broker.queries import OperationQueries

T = TypeVar("T")
Row = TypeVar("Row", bound=Any)

MOST: Final = 100
"""The number of rows that are shown at once unless the query says otherwise."""

_MOST_BYTES: Final = 4_194_304
"""The bytes after which a part of a list ends, however many rows were requested."""

_ANY: Final[Mapping[str, Collection[str]]] = MappingProxyType({})
_MOST_SHOWN: Final = 64


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
        """Act as :func:`~orchestrator_core.api.v1.watched.watched`."""
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
            raise NoSuchRecord(f"There is no record {name[:_MOST_SHOWN]!r}")
        return name

    async def filters(
        self,
        req: Request,
        columns: Mapping[str, str],
        choices: Mapping[str, Collection[str]] = _ANY,
        *,
        in_parts: bool = True,
    ) -> dict[str, str]:
        """Return the filters of a query by column; a cloud is replaced by its own name.

        Args:
            req: the request.
            columns: the column for each parameter that a query may have.
            choices: the possible values of the parameters that have a fixed set of them.
            in_parts: whether the query may ask for a part of the list with a limit and a marker.

        Raises:
            InvalidParameter: naming a value that can never match; an empty list would hide the
                fault.
            Unsupported: when this server has no ``[state]``.
        """
        records = self.records
        filters = filters_of(req, columns, PAGING if in_parts else ())
        for name, options in choices.items():
            value = filters.get(columns[name])
            if value is not None and value not in options:
                raise InvalidParameter(name, f"must be one of {', '.join(options)}")
        if "cloud" in filters:
            filters["cloud"] = await self._cloud(records, filters["cloud"])
        return filters

    async def _cloud(self, records: OperationQueries, named: str) -> str:
        """Return the name of a cloud that is configured, or that recorded rows still name."""
        registry = self._services.registry
        try:
            return registry.cloud(named).name
        except UnknownCloud:
            if await records.has_cloud(named):
                return named
        there = ", ".join(sorted(registry.clouds)) or "none"
        shown = named[:_MOST_SHOWN]
        why = f"there is no cloud {shown!r}{nearest(shown, registry.clouds)}; there are: {there}"
        raise InvalidParameter("cloud", why)


def encode_page(
    key: str, rows: Iterable[Row], shape: Callable[[Row], dict[str, Any]], limit: int
) -> Encoded:
    """Return the answer with the next part of a list.

    This blocks, so call it in a thread. The part ends early after 4 MiB, because one row may be as
    long as the longest body of a request.

    Args:
        key: the list's key.
        rows: all remaining rows, read as they are consumed.
        shape: the function that shapes one row.
        limit: the most rows of the part.
    """
    shown: list[str] = []
    marker = None

    def texts() -> Iterator[bytes]:
        nonlocal marker
        size = 0
        for row in rows:
            if len(shown) >= limit or size >= _MOST_BYTES:
                marker = shown[-1]
                return
            shown.append(row.id)
            text = encoding.encode_item(shape(row))
            size += len(text)
            yield text

    items = Encoded(encoding.grouped(texts()))
    return encoding.encode_list(key, items, {"next_marker": marker})
