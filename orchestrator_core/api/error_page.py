"""The documentation page of the error codes, generated from the code.

``make pages`` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orchestrator_core.api.error_codes import IN_VERSION_1, ErrorCode, error_codes, operation_codes

_HEAD: Final = """\
# Errors

Most errors have an `error_code`: one stable word for programs. Errors of version 1 have the five
keys that [its document](api-v1.md#errors) has, with `message` for people; those of version 2 are
[problem details](https://www.rfc-editor.org/rfc/rfc9457), with `detail` for people.

<!-- Generated from the code: make pages -->

## Codes of answers
"""

_OF_OPERATIONS: Final = """\

## Codes of operations

An operation can also wait or end with one of these codes. A repeated request with its
Idempotency-Key then gets a 502.
"""


def errors_page() -> str:
    """Return the page as Markdown."""
    return "\n".join(
        (
            _HEAD,
            "| status | `error_code` | what it means | what to do |\n| --- | --- | --- | --- |",
            *_rows(error_codes()),
            _OF_OPERATIONS,
            "| `error_code` | what it means | what to do |\n| --- | --- | --- |",
            *(f"| `{one.code}` | {one.meaning} | {one.advice} |" for one in operation_codes()),
            "",
        )
    )


def _rows(codes: Iterable[ErrorCode]) -> Iterable[str]:
    for one in codes:
        statuses = ", ".join(map(str, one.statuses))
        meaning = one.meaning.replace("``", "`")
        advice = f"{one.advice} {IN_VERSION_1.get(one.code, '')}".rstrip()
        yield f"| {statuses} | `{one.code}` | {meaning} | {advice} |"
