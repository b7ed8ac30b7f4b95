"""Log lines: structured, to standard error, with every known secret struck out."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from orchestrator_core.settings.model import ServerSettings
from orchestrator_core.settings.secrets import redact


def configure_logging(settings: ServerSettings) -> None:
    """Send our own lines and those of the libraries below us to standard error."""
    renderer: Any = structlog.processors.JSONRenderer()
    if settings.log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    elif settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.dict_tracebacks] if settings.log_format == "json" else []),
            renderer,
            _strike_out,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            getattr(logging, settings.log_level.upper())
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _strike_out(_logger: Any, _method: str, line: Any) -> Any:
    return redact(line) if isinstance(line, str) else line
