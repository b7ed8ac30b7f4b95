"""Tests of the contract: the same checks as `orchestrator plugin check`."""

from pathlib import Path

from orchestrator_core.testing import make_suite

README = Path(__file__).parents[1] / "README.md"

TestStratus = make_suite("cloud", "stratus", readme=README)
