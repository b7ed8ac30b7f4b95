"""The tables of error codes in the pages, generated from the code.

``make error-codes`` writes them again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from orchestrator_core.api.error_codes import ErrorCode, error_codes, operation_codes

BEGIN: Final = "<!-- Generated from the code: make error-codes -->"
END: Final = "<!-- End of the generated tables -->"

_OF_OPERATIONS: Final = (
    "An operation can also wait or end with one of these codes; a repeat with its Idempotency-Key "
    "is then answered with 502:"
)


def error_tables() -> str:
    """Return both tables as Markdown, between the lines that mark their place in a page."""
    head = "| status | `error_code` | meaning | what to do |\n| --- | --- | --- | --- |"
    return "\n".join(
        (
            BEGIN,
            "",
            head,
            *_rows(error_codes()),
            "",
            _OF_OPERATIONS,
            "",
            "| `error_code` | meaning | what to do |",
            "| --- | --- | --- |",
            *(f"| `{one.code}` | {one.meaning} | {one.advice} |" for one in operation_codes()),
            "",
            END,
        )
    )


def with_tables(page: str) -> str:
    """Return a page with the current tables.

    Raises:
        ValueError: when the page lacks the marker lines.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks the marker lines of the tables: {BEGIN}")
    return before + error_tables() + after


def _rows(codes: Iterable[ErrorCode]) -> Iterable[str]:
    for one in codes:
        statuses = ", ".join(map(str, one.statuses))
        meaning = one.meaning.replace("``", "`")
        yield f"| {statuses} | `{one.code}` | {meaning} | {one.advice} |"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_tables(file.read_text(encoding="utf-8")), encoding="utf-8")
