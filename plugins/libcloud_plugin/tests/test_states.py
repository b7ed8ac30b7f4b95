"""States of nodes that are switched off, in error or being deleted: they are not TERMINATED."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from libcloud.compute.drivers.dimensiondata import DimensionDataNodeDriver

from orchestrator_core import NodeState
from orchestrator_libcloud.nodes.states import correct_states, state_of

DRIVERS = "libcloud.compute.drivers."


@pytest.mark.parametrize(
    ("module", "cls", "said", "state"),
    [
        ("ec2", "EC2NodeDriver", "shutting-down", NodeState.TERMINATING),
        ("ec2", "EC2NodeDriver", "terminated", NodeState.TERMINATED),
        ("azure", "AzureNodeDriver", "StoppedDeallocated", NodeState.STOPPED),
        ("azure", "AzureNodeDriver", "FailedStartingVM", NodeState.ERROR),
        ("cloudsigma", "CloudSigma_1_0_NodeDriver", "stopped", NodeState.STOPPED),
        ("cloudstack", "CloudStackNodeDriver", "Error", NodeState.ERROR),
        ("cloudstack", "CloudStackNodeDriver", "Destroyed", NodeState.TERMINATED),
        ("equinixmetal", "EquinixMetalNodeDriver", "deprovisioning", NodeState.TERMINATING),
        ("gig_g8", "G8NodeDriver", "DELETING", NodeState.TERMINATING),
        ("opennebula", "OpenNebulaNodeDriver", "STOPPED", NodeState.STOPPED),
        ("opennebula", "OpenNebulaNodeDriver", "FAILED", NodeState.ERROR),
        ("vcl", "VCLNodeDriver", "failed", NodeState.ERROR),
    ],
)
def test_of_a_driver_s_own_words(module: str, cls: str, said: str, state: NodeState) -> None:
    driver: Any = object.__new__(getattr(import_module(DRIVERS + module), cls))
    correct_states(driver)
    found = driver.NODE_STATE_MAP[said]
    node = SimpleNamespace(state=found, extra={}, driver=driver)
    assert state_of(node) is state


@pytest.mark.parametrize(
    ("said", "state"), [("halted", NodeState.STOPPED), ("deleted", NodeState.TERMINATED)]
)
def test_of_gandi(said: str, state: NodeState) -> None:
    gandi: Any = import_module(DRIVERS + "gandi")
    driver = object.__new__(gandi.GandiNodeDriver)
    correct_states(driver)
    assert state_of(SimpleNamespace(state=gandi.NODE_STATE_MAP[said], extra={}, driver=driver)) is (
        state
    )


def test_what_dimension_data_only_guesses() -> None:
    driver: Any = object.__new__(DimensionDataNodeDriver)
    guess = driver._get_node_state("FAILED_ADD", "false", "DEPLOY_SERVER")
    node = SimpleNamespace(state=guess, extra={}, driver=driver)
    assert state_of(node) is NodeState.UNKNOWN


def test_what_azure_is_deleting() -> None:
    extra = {"properties": {"provisioningState": "Deleting"}}
    node = SimpleNamespace(state="terminated", extra=extra, driver=object())
    assert state_of(node) is NodeState.TERMINATING
