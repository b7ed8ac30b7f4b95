"""The conformance kit's tests, which `orchestrator plugin check` runs too."""

from pathlib import Path

from orchestrator_core.testing import make_suite

README = Path(__file__).parents[1] / "README.md"

TestStratus = make_suite("cloud", "stratus", readme=README)
