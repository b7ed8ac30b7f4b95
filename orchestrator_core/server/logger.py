"""The logger of gunicorn, with the same format as all other log lines."""

from __future__ import annotations

import logging
import sys
from typing import Any

from gunicorn import glogging

from orchestrator_core.log import dropped_line, formatter
from orchestrator_core.log_stream import LogStream
from orchestrator_core.redaction import redact_line
from orchestrator_core.settings.snapshot import current


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's logger with this project's formatter, which also removes secrets."""

    def setup(self, cfg: Any) -> None:
        """Configure the handlers."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter(current().server))
            if type(handler) is logging.StreamHandler and handler.stream is sys.stderr:
                handler.setStream(LogStream(sys.stderr, dropped_line(current().server)))
        for handler in self.access_log.handlers:
            handler.setFormatter(_Redacted(handler.formatter or logging.Formatter()))


class _Redacted(logging.Formatter):
    """A formatter that removes secrets from another formatter's lines; a query may contain one."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return a record's redacted line."""
        return redact_line(self._inner.format(record))
