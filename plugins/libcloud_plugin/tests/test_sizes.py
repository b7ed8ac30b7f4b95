"""Sizes that Libcloud's constants lack: they are passed on if the cloud can decide."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from orchestrator_libcloud import providers
from orchestrator_libcloud.capabilities import lacks
from orchestrator_libcloud.listing.sizes import passed_on

CONSTANT = {"nimbus", "outscale_inc", "outscale_sas"}
AMOUNTS = {"abiquo", "terremark", "vcloud"}


def made(driver_class: Any) -> Any:
    """Return a driver object without the requests of its constructor."""
    return object.__new__(driver_class)


@pytest.mark.parametrize("provider", providers.names())
def test_only_constants_of_libclouds_let_an_id_through(provider: str) -> None:
    driver = made(providers.load(provider))
    size = passed_on(driver, "new.type")
    if provider in CONSTANT | {"ec2", "opennebula"}:
        assert size is not None
        assert (size.id, size.name, size.ram, size.disk) == ("new.type", "new.type", None, None)
    else:
        assert size is None
    number = passed_on(driver, "16384")
    if provider in AMOUNTS:
        assert number is not None
        assert (number.id, number.ram, number.disk) == ("16384", 16384, None)
    for nonsense in ("", " ", "a b", "a/b", "a\n", "-x", "x" * 129):
        assert passed_on(driver, nonsense) is None


@pytest.mark.parametrize(("version", "is_passed"), [("1_4", True), ("2_0", True), ("3_2", False)])
def test_opennebula_asks_for_its_sizes_from_version_3_2_on(
    version: str, *, is_passed: bool
) -> None:
    module = importlib.import_module("libcloud.compute.drivers.opennebula")
    driver = made(getattr(module, f"OpenNebula_{version}_NodeDriver"))
    assert lacks(driver, "list_sizes") is None
    assert (passed_on(driver, "xlarge") is not None) == is_passed
