"""Meaning of a provider's refusal of a request for one thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element

from orchestrator_libcloud.http.call import current

GONE: Final = frozenset({404, 410})
"""The thing does not exist (any more)."""

HIDDEN: Final = frozenset({403})
"""The configured credentials are not allowed to see the thing."""


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status of a Libcloud error; None if it has none.

    A page of a proxy is not an answer of the provider. A driver that expects JSON or XML cannot
    parse its text, and then raises an error without a status.
    """
    # vCloud's errors are XML elements, which the driver raises unchanged.
    document = error.args[0] if error.args and isinstance(error.args[0], Element) else None
    if document is not None and not document.tag.endswith("Error"):
        return None
    found = [getattr(error, name, None) for name in ("http_code", "code")]
    found += [] if document is None else [document.get("majorErrorCode")]
    numbers = (str(value) for value in found if isinstance(value, int | str))
    return next((int(number) for number in numbers if number.isdecimal()), None)


def codes_of(error: BaseException) -> frozenset[str]:
    """Return the provider's own codes for an error, from its answer and from Libcloud's error.

    Supports the form of Google's errors, ``{"error": {"status": ..., "errors": [{"reason":
    ...}]}}``.
    """
    call = current()
    answer = call.exchange.error if call is not None else None
    body = answer.json() if answer is not None else None
    found = [getattr(error, "code", None), *_codes(body), *_codes({"error": _value(error)})]
    return frozenset(code for code in found if isinstance(code, str))


def _value(error: BaseException) -> Any:
    return getattr(error, "value", None)


def _codes(body: Any) -> Iterator[Any]:
    outer = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(outer, Mapping):
        inner = outer.get("errors")
        for part in (outer, *(inner if isinstance(inner, list) else ())):
            if isinstance(part, Mapping):
                yield from (part.get("reason"), part.get("status"))
