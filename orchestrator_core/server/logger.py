"""Gunicorn's own lines in the form of all others."""

from __future__ import annotations

import logging
import sys
from typing import Any

from gunicorn import glogging

from orchestrator_core.log import formatter
from orchestrator_core.log_stream import LogStream
from orchestrator_core.settings.snapshot import current


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's logger with our formatter; secrets are struck out here too."""

    def setup(self, cfg: Any) -> None:
        """Configure the handlers."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter(current().server))
            if type(handler) is logging.StreamHandler and handler.stream is sys.stderr:
                handler.setStream(LogStream(sys.stderr))
