"""The default assignment backend does what the contract says, as any other has to."""

from orchestrator_core.testing import make_suite

TestGiven = make_suite("assignment", "given")
