"""The contract's behaviours, and the table of results in the README."""

from pathlib import Path

from orchestrator_core.testing import make_suite

README = Path(__file__).parents[1] / "README.md"

TestDummy = make_suite("cloud", "dummy", readme=README)
