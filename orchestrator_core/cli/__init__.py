"""The ``orchestrator`` command: one module for each subcommand."""

from orchestrator_core.server.interpreter import collect_seldom

collect_seldom()  # before the imports below, which take most of a command's time

from orchestrator_core.cli.main import main  # noqa: E402

__all__ = ["main"]
