"""The base class of the routes of version 2 that show records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from orchestrator_core.api.encoded import Encoded
from orchestrator_core.api.v1 import encoding
from orchestrator_core.api.v1.records import RecordsResource as SharedRecordsResource
from orchestrator_core.api.v2.cursors import cursor_after
from orchestrator_core.api.v2.encoding import encode_list
from orchestrator_core.api.v2.problems import InvalidQuery
from orchestrator_core.errors import UnknownCloud
from orchestrator_core.settings.faults import nearest

Row = TypeVar("Row", bound=Any)

_MOST_BYTES: Final = 4_194_304
"""The bytes after which a page ends, however many rows were requested."""

_SHOWN: Final = 64


class RecordsResource(SharedRecordsResource):
    """A route that shows records."""

    async def filters(  # type: ignore[override]  # version 2 reads the query before
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
        """
        for name, options in choices.items():
            if name in given and given[name] not in options:
                raise InvalidQuery(name, f"must be one of {', '.join(options)}")
        filters = {columns[name]: value for name, value in given.items() if name in columns}
        if "cloud" in filters:
            filters["cloud"] = await self._own_name(filters["cloud"])
        return filters

    async def _own_name(self, named: str) -> str:
        registry = self._services.registry
        try:
            return registry.cloud(named).name
        except UnknownCloud:
            if await self.records.has_cloud(named):
                return named
        hint = nearest(named[:_SHOWN], registry.clouds)
        raise InvalidQuery("cloud", f"there is no cloud {named[:_SHOWN]!r}{hint}")


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
    return encode_list(key, items, {"next": cursor}), cursor
