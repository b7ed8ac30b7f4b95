"""The ``orchestrator`` command: one module for each subcommand."""

from orchestrator_core.cli.main import main

__all__ = ["main"]
