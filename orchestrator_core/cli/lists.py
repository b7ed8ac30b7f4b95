"""Lists of records on the command line: pages, and the API's own objects as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

import rich_click as click

_USUAL: Final = 50
_MOST: Final = 1000


class Record(Protocol):
    """A row of a list."""

    @property
    def id(self) -> str:
        """Return its id."""


C = TypeVar("C", bound=Callable[..., Any])
R = TypeVar("R", bound=Record)

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, as version 2 of the API answers."
)


def page_options(command: C) -> C:
    """Add the options of a list that comes in pages."""
    limit = click.option(
        "--limit",
        default=_USUAL,
        type=click.IntRange(1, _MOST),
        show_default=True,
        help="The largest number of rows to show.",
    )
    cursor = click.option("--cursor", help="The cursor that the page before has printed.")
    return limit(cursor(command))


def id_after(cursor: str | None) -> str | None:
    """Return the id after which a page begins; None for the first page.

    Raises:
        BadParameter: The text is no cursor.
    """
    # The modules of the API take a tenth of a second, and most commands do not need them.
    from orchestrator_core.api.v2.cursors import window  # noqa: PLC0415 - see above
    from orchestrator_core.api.v2.problems import InvalidQuery  # noqa: PLC0415 - see above

    if cursor is None:
        return None
    try:
        return window({"cursor": cursor}).after
    except InvalidQuery as error:
        raise click.BadParameter(error.reason, param_hint="--cursor") from None


def show_rows(rows: Sequence[R], limit: int, line: Callable[[R], str]) -> None:
    """Print a page of records as text.

    Args:
        rows: The rows, with one more than the limit if there is a next page.
        limit: The most rows to show.
        line: The function that returns a row as text.
    """
    for row in rows[:limit]:
        click.echo(line(row))
    if len(rows) > limit:
        from orchestrator_core.api.v2.cursors import cursor_after  # noqa: PLC0415 - see id_after

        click.echo(f"There are more: --cursor {cursor_after(rows[limit - 1].id)}", err=True)


def moment(seconds: float) -> str:
    """Return a Unix time as text, in UTC and to the second (RFC 3339)."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def show_json(body: bytes) -> None:
    """Print an answer of the API, indented."""
    click.echo(json.dumps(json.loads(body), indent=2))
