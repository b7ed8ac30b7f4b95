"""Log lines: structured, to standard error, with every known secret struck out."""

from __future__ import annotations

import logging
import os
import sys
from contextvars import ContextVar
from typing import Any, TextIO, cast

import structlog

from orchestrator_core.log_stream import LogStream
from orchestrator_core.settings.model import ServerSettings
from orchestrator_core.settings.secrets import redact

request_id: ContextVar[str | None] = ContextVar("orchestrator_request_id", default=None)
"""The request that is being served; every line logged for it carries it. What several
requests share, such as a read of a cloud, carries the first one's."""


def configure_logging(settings: ServerSettings) -> None:
    """Send our own lines, and warnings of the libraries below us, to standard error."""
    level = getattr(logging, settings.log_level.upper())
    stream = LogStream(sys.stderr)
    structlog.configure(
        processors=[*_before(), *_after(settings)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, stream)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(settings))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def formatter(settings: ServerSettings) -> logging.Formatter:
    """Return a formatter that gives lines of the standard library's logging our form."""
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
        structured = structlog.processors.dict_tracebacks
        return [structured, structlog.processors.JSONRenderer(), _strike_out]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return [console, _strike_out]


def _add_process(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    event["pid"] = os.getpid()
    if (request := request_id.get()) is not None:
        event.setdefault("request_id", request)
    return event


def _strike_out(_logger: Any, _method: str, line: Any) -> Any:
    return redact(line) if isinstance(line, str) else line
