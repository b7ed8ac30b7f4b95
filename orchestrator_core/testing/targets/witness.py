"""Sees what a server writes into its log, and keeps it out of the way of the tests."""

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
"""What the core says of a call that it ended, and never of one that a plugin ended itself."""


class Witness:
    """What was logged of plugins that raised what the contract does not know.

    Attributes:
        raised: ``in start_vm: KeyError`` say, for each time; what an extension fails with, too.
        said: messages of plugins, before the core took secrets or addresses out of them.
        hanging: the operations that did not end by their deadline, each with what was said of it.
    """

    def __init__(self) -> None:
        self.raised: list[str] = []
        self.said: list[str] = []
        self.hanging: dict[str, str] = {}

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Look at one line of the log; hand it on as it is."""
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
    """Write the log into a file for a while, and see what goes in.

    Args:
        settings: what is logged, and in which form.
        file: where the lines go.
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
