"""The backend does what the contract says, against a small Cistern."""

from orchestrator_core.testing import make_suite

TestCistern = make_suite("assignment", "cistern")
