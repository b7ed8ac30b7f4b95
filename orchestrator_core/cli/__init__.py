"""The ``orchestrator`` command."""
