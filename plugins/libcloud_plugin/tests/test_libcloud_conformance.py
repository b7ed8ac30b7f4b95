"""The driver does what the contract says."""

from orchestrator_core.testing import make_suite

TestLibcloud = make_suite("cloud", "libcloud")
