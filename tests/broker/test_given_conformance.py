"""The contract's behaviours for the default assignment backend."""

from orchestrator_core.testing import make_suite

TestGiven = make_suite("assignment", "given")
