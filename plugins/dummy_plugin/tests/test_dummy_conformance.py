"""The driver does what the contract says."""

from orchestrator_core.testing import make_suite

TestDummy = make_suite("cloud", "dummy")
