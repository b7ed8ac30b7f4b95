"""The test module of ``orchestrator plugin check``: one suite, for the plugin that is checked."""

from orchestrator_core.testing.runner.run import current

TestPlugin = current.suite()
