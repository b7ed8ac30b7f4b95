"""The header with which a caller passes hints to a cloud's driver beyond the API's parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from orchestrator_core.api.errors import InvalidHeader
from orchestrator_core.api.resource import Request
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import NO_HINTS
from orchestrator_core.errors import InvalidParameter

HEADER: Final = "X-Cloud-Hints"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LONGEST_VALUE: Final = 256


def hints_for(req: Request, cloud: Cloud) -> Mapping[str, str]:
    """Return a request's hints by name; ``name=value; other`` has a value and an empty text.

    Raises:
        InvalidHeader: when the header is malformed, when the cloud's settings do not allow
            hints, or when the cloud's driver does not know a hint.
    """
    header = req.get_header(HEADER)
    if header is None:
        return NO_HINTS
    if not cloud.settings.hints:
        raise InvalidHeader(HEADER, f"the settings of cloud {cloud.name} do not allow hints")
    hints: dict[str, str] = {}
    for part in header.split(";"):
        name, value = _read(part)
        if name in hints:
            raise InvalidHeader(HEADER, f"{name} is given twice")
        hints[name] = value
    _check_known(hints, cloud)
    return hints


@contextmanager
def naming_the_header() -> Iterator[None]:
    """Raise the refusal of a hint's value, which only the driver can judge, as one of the header.

    Raises:
        InvalidHeader: when the driver has refused a hint.
    """
    try:
        yield
    except InvalidParameter as error:
        if error.field != HEADER or isinstance(error, InvalidHeader):
            raise
        refusal = InvalidHeader(HEADER, error.reason, nothing_done=error.nothing_done)
        refusal.operation_id, refusal.attempts = error.operation_id, error.attempts
        raise refusal from error


def _check_known(hints: Mapping[str, str], cloud: Cloud) -> None:
    """Check that the cloud's driver knows every hint; ignoring one would mislead the caller.

    Raises:
        InvalidHeader: naming the unknown hint and the known ones.
    """
    known = cloud.hint_names
    for name in hints:
        if name not in known:
            there = f"the hints are: {', '.join(known)}" if known else "its driver knows no hint"
            raise InvalidHeader(HEADER, f'cloud {cloud.name} has no hint "{name}"; {there}')


def _read(part: str) -> tuple[str, str]:
    name, _, value = (word.strip() for word in part.partition("="))
    if not _NAME.fullmatch(name) or "=" in value:
        raise InvalidHeader(HEADER, "must be name=value pairs, separated by semicolons")
    if len(value) > _LONGEST_VALUE:
        raise InvalidHeader(HEADER, f"{name} has more than {_LONGEST_VALUE} characters")
    return name, value
