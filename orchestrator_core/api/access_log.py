"""The access log: one line for each request."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from orchestrator_core.log import log_stream
from orchestrator_core.metrics.meter import EndedRequest
from orchestrator_core.redaction import redact_line
from orchestrator_core.settings.model import ServerSettings

QUIET: Final = ("/health", "/health/live", "/health/ready", "/metrics")
"""The routes that supervisors ask all the time; they are logged at debug, or if they fail."""

_FIRST_FAULT: Final = 500

_AT_ONCE: Final = 2000
"""The characters written at once: several processes write to one pipe, which keeps this whole."""


class AccessLog:
    """The writer of access lines.

    It renders lines itself: structlog's processors would cost as much as the rest of the request.

    Args:
        settings: the settings of the log.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._is_written = settings.access_log and settings.log_level in ("debug", "info")
        self._is_verbose = settings.log_level == "debug"
        self._render: Callable[[dict[str, Any], str, str], str]
        self._render = _as_json if settings.log_format == "json" else _as_text

    def write(self, ended: Iterable[EndedRequest]) -> None:
        """Write a line for each request."""
        if not self._is_written:
            return
        stream = log_stream()
        for text in _together(self._lines(ended)):
            stream.write(text)

    def _lines(self, ended: Iterable[EndedRequest]) -> Iterator[str]:
        pid = os.getpid()
        for one in ended:
            is_quiet = one.route in QUIET and one.status < _FIRST_FAULT
            if is_quiet and not self._is_verbose:
                continue
            fields = {
                "address": one.address,
                "caller": one.caller,
                "duration": round(one.seconds, 4),
                "method": one.method,
                "pid": pid,
                "request_id": one.request_id,
                "route": one.route,
                "status": one.status,
            }
            if one.operation_id is not None:
                fields["operation_id"] = one.operation_id
            if one.trace is not None:
                fields.update(one.trace._asdict())
            line = self._render(fields, _timestamp(one.ended_at), "debug" if is_quiet else "info")
            # Only the method and the id are the client's own words.
            yield redact_line(line, is_plain=True) if one.has_clients_words else line


def _as_json(fields: dict[str, Any], timestamp: str, level: str) -> str:
    head = {"event": "request", "level": level, "timestamp": timestamp}
    return orjson.dumps({**head, **fields}).decode() + "\n"


def _as_text(fields: dict[str, Any], timestamp: str, level: str) -> str:
    shown = " ".join(f"{name}={_shown(value)}" for name, value in fields.items())
    return f"{timestamp} [{level:<9}] {'request':<30} {shown}\n"


def _shown(value: Any) -> str:
    text = str(value)
    return repr(text) if " " in text else text


def _timestamp(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.isoformat(timespec='microseconds').removesuffix('+00:00')}Z"


def _together(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines in texts that are written at once."""
    waiting: list[str] = []
    size = 0
    for line in lines:
        if waiting and size + len(line) > _AT_ONCE:
            yield "".join(waiting)
            waiting, size = [], 0
        waiting.append(line)
        size += len(line)
    if waiting:
        yield "".join(waiting)
