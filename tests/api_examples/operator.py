"""The operator of a server: its command line, and its cloud without the server."""

from __future__ import annotations

from pathlib import Path

from orchestrator_core import Image, Size, StartRequest
from orchestrator_core.settings.source import FILE_VARIABLE
from orchestrator_dummy import DummyDriver
from tests import commands
from tests.broker.conftest import console
from tests.conftest import OPS_TOKEN


class Operator:
    """The operator of a server whose cloud is kept in ``cloud.db``.

    Args:
        folder: the folder with the settings of the server.

    Attributes:
        cloud: the cloud.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.cloud: DummyDriver = console(folder)

    def run(self, *arguments: str) -> str:
        """Run the command ``orchestrator``; return what it prints."""
        environment = {
            FILE_VARIABLE: str(self._folder / "orchestrator.toml"),
            "LOGNAME": "ann",  # a freeze shows its user
            "OPS": OPS_TOKEN,
        }
        done = commands.run(*arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_late(self, operations: list[str]) -> None:
        """Make the VMs of starts that were recorded as failed."""
        installation = self.run("db", "check").split()[-1]
        for operation in operations:
            marker = f"{installation}-{operation}"
            order = StartRequest("web-1", Image("1", ""), Size("1", ""), marker=marker)
            self.cloud.start_vm(order)
