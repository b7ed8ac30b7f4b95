"""It does what the contract says, and its README tells how that came out."""

from pathlib import Path

from orchestrator_core.testing import make_suite

README = Path(__file__).parents[1] / "README.md"

TestPolicy = make_suite("extension", "policy", readme=README)
