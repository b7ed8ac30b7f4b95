"""A reader of a server's log, which also keeps the log out of the output of the tests."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator_core.log import configure_logging
from orchestrator_core.plugins.spoken import CLEANED
from orchestrator_core.settings.model import ServerSettings

HANGS: Final = "did not answer within"
"""The core's words for a call that it ended at the deadline, and for no other call."""


class Witness:
    """The log lines that the tests check.

    Attributes:
        raised: The exceptions outside the contract, for example ``in start_vm: KeyError``, and
            the failures of extensions.
        said: The messages of plugins before the core removed secrets or addresses.
        hanging: The operations that did not end by their deadline, each with its log message.
    """

    def __init__(self) -> None:
        self.raised: list[str] = []
        self.said: list[str] = []
        self.hanging: dict[str, str] = {}

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Read one line of the log; return it unchanged."""
        if event.get("event") == "plugin raised":
            self.raised.append(f"in {event['hook']}: {event['error']}")
        elif event.get("event") == "cloud call" and HANGS in str(event.get("why")):
            self.hanging[str(event["operation"])] = str(event["why"])
        elif event.get("event") == CLEANED:
            self.said.append(str(event["was"]))
        elif event.get("event") == "extension failed":
            self.raised.append(str(event["why"]))
        return event


@contextmanager
def watched_log(settings: ServerSettings, file: Path) -> Iterator[Witness]:
    """Write the log into a file within the context, and read each line.

    Args:
        settings: The level and the format of the log.
        file: The file for the lines.
    """
    before = structlog.get_config()
    witness = Witness()
    configure_logging(settings)
    with file.open("a", encoding="utf-8") as stream:
        structlog.configure(
            processors=[witness, *structlog.get_config()["processors"]],
            logger_factory=structlog.PrintLoggerFactory(stream),
        )
        try:
            yield witness
        finally:
            structlog.configure(**before)
