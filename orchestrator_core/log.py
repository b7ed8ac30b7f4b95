"""The log lines: structured, sent to standard error, and with every known secret removed."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from types import NoneType, TracebackType
from typing import Any, Final, TextIO, cast

from orchestrator_core.log_stream import LogStream
from orchestrator_core.redaction import redact_line
from orchestrator_core.settings.model import ServerSettings
from orchestrator_core.structlog_without_rich import structlog
from orchestrator_core.traces.tracer import tracer

request_id: ContextVar[str | None] = ContextVar("orchestrator_request_id", default=None)
"""The id of the request that is being served; every line logged for it contains the id. The lines
of work that several requests share, such as a read of a cloud, have the id of the first one.
"""


class _Work:
    """The work of one request, or of one attempt, which the tasks that it starts share."""

    __slots__ = ("operation_id",)

    def __init__(self, operation_id: str | None) -> None:
        self.operation_id = operation_id


_work: ContextVar[_Work | None] = ContextVar("orchestrator_work", default=None)


def begin_work(operation: str | None = None) -> None:
    """Begin the work of a request or of an attempt.

    Args:
        operation: the id of the operation that the attempt belongs to.
    """
    _work.set(_Work(operation))


def note_operation(operation: str) -> None:
    """Put the id of an operation into every further line about this work."""
    work = _work.get()
    if work is None:
        begin_work(operation)
    else:
        work.operation_id = operation


def operation_id() -> str | None:
    """Return the id of the operation that this work is about; None if it is about none."""
    work = _work.get()
    return None if work is None else work.operation_id


class _Stream:
    stream: LogStream | None = None


def log_stream() -> LogStream:
    """Return the stream of this process's log lines; each write must be whole lines."""
    if _Stream.stream is None:
        _Stream.stream = LogStream(sys.stderr)
    return _Stream.stream


def configure_logging(settings: ServerSettings) -> None:
    """Send the core's log lines, and the warnings of its libraries, to standard error."""
    level = getattr(logging, settings.log_level.upper())
    stream = _Stream.stream = LogStream(sys.stderr, dropped_line(settings))
    structlog.configure(
        processors=[*_before(), *_after(settings)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, stream)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(settings))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    sys.excepthook = _log_uncaught
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_of_thread


def for_commands(settings: ServerSettings) -> ServerSettings:
    """Return these settings for a command that prints itself what a warning in the log says."""
    level = settings.log_level if settings.log_level == "debug" else "error"
    return replace(settings, log_level=level)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Log the error that ends this process; Python would print it with all secrets."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        structlog.get_logger(__name__).critical("uncaught error", exc_info=(kind, error, trace))


def _log_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Log an error from a finalizer."""
    error = unraisable.exc_value
    where = type(unraisable.object).__name__
    structlog.get_logger(__name__).error("error in a finalizer", object=where, exc_info=error)


def _log_of_thread(failed: threading.ExceptHookArgs) -> None:
    """Log the error that has ended a thread, for example one of a plugin's."""
    if failed.exc_value is None or issubclass(failed.exc_type, SystemExit):
        return
    name = None if failed.thread is None else failed.thread.name
    structlog.get_logger(__name__).error("thread failed", thread=name, exc_info=failed.exc_value)


def dropped_line(settings: ServerSettings) -> Callable[[int], str]:
    """Return the function that makes the line about log lines that could not be written."""

    def line(count: int) -> str:
        event: dict[str, Any] = {"event": "log lines lost", "count": count}
        for process in _before():
            event = process(None, "warning", event)
        for process in _after(settings):
            event = process(None, "warning", event)
        return f"{event}\n"

    return line


def formatter(settings: ServerSettings) -> logging.Formatter:
    """Return a formatter that gives the lines of the standard library's logging the same form."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_before(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_after(settings),
        ],
    )


def _before() -> list[Any]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_process,
    ]


def _after(settings: ServerSettings) -> list[Any]:
    if settings.log_format == "json":
        # Local variables are omitted: their values are cut, and half a secret is not recognised.
        transform = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        structured = structlog.processors.ExceptionRenderer(transform)
        return [structured, _Redacted(structlog.processors.JSONRenderer())]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return [_Redacted(console)]


def _add_process(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    event["pid"] = os.getpid()
    if (request := request_id.get()) is not None:
        event.setdefault("request_id", request)
    if (operation := operation_id()) is not None:
        event.setdefault("operation_id", operation)
    if (ids := tracer().ids()) is not None:
        event.update(ids._asdict())
    return event


_OURS: Final = frozenset(
    {
        *("timestamp", "level", "pid", "request_id", "operation_id", "trace_id", "span_id"),
        *("cloud", "operation"),
    }
)
"""Keys whose values are words of the core, of the settings, or of the request itself."""

_LEAST_ENCODED: Final = 11
_SHORT: Final = (int, float, bool, NoneType)


class _Redacted:
    """A renderer that removes secrets from another renderer's lines."""

    def __init__(self, renderer: Callable[..., Any]) -> None:
        self._render = renderer

    def __call__(self, logger: Any, method: str, event: dict[str, Any]) -> Any:
        """Return a redacted line."""
        is_plain = all(key in _OURS or _is_short(value) for key, value in event.items())
        line = self._render(logger, method, event)
        return redact_line(line, is_plain=is_plain) if isinstance(line, str) else line


def _is_short(value: Any) -> bool:
    """Return whether a value is too short for a secret in base64, which has at least 11 digits."""
    kind = type(value)
    return kind in _SHORT or (kind is str and len(value) < _LEAST_ENCODED)
