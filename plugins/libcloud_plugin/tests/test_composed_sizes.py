"""Composed sizes: the cloud decides about the amounts."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_markers import Start, start

from orchestrator_core import Deadline, Image, SizeNotFound, StartRequest
from orchestrator_libcloud import providers
from orchestrator_libcloud.listing.composed_sizes import FORMS, form_of
from orchestrator_libcloud.listing.composed_sizes import composed as composed_or_none

__all__ = ["start"]

_README = Path(__file__).parent.parent / "README.md"

GOOGLE = [
    ("custom-4-8192", 8192, 4),
    ("e2-custom-2-4096", 4096, 2),
    ("n2-custom-4-8192-ext", 8192, 4),
    ("n2d-custom-96-786432-ext", 786432, 96),
    ("e2-custom-micro-1024", 1024, None),
    ("e2-custom-medium-4096", 4096, None),
    ("g2-custom-8-49152", 49152, 8),
]


def table() -> str:
    """Return the README's table of the forms."""
    rows = [
        f"| {name} | {form.words} | {form.example} | {form.meaning} |"
        for name, form in FORMS.items()
    ]
    return "\n".join(
        ["| provider | size | example | amounts |", "| --- | --- | --- | --- |", *rows]
    )


def test_the_readme_has_the_table() -> None:
    assert table() in _README.read_text(), f"the README should have:\n{table()}"


@pytest.mark.parametrize("name", FORMS)
def test_the_examples_are_of_their_form(name: str) -> None:
    for example in FORMS[name].example.split(", "):
        assert FORMS[name].pattern.fullmatch(example.strip("`"))


@pytest.mark.parametrize(("size_id", "ram", "cpus"), GOOGLE)
def test_googles_custom_machine_types_are_what_their_names_say(
    start: Start, size_id: str, ram: int, cpus: int | None
) -> None:
    driver, cloud = start("gce")
    size = driver.get_size(size_id=size_id, deadline=Deadline(20))
    assert (size.id, size.name, size.ram, size.cpu) == (size_id, size_id, ram, cpus)
    request = StartRequest("web", Image("i", "i"), size)
    assert driver.start_vm(request=request, deadline=Deadline(20)).name == "web"
    assert cloud.sent[0]["machineType"] == f"zones/zone-a/machineTypes/{size_id}"


@pytest.mark.parametrize(
    "wrong",
    [
        "custom",
        "custom-4",
        "custom-0-8192",
        "custom-4-",
        "x/custom-4-8192",
        "custom-4-8192/../x",
        "e2-micro-custom",
        "Custom-4-8192",
        "custom-4-8192?x",
        "custom-4-8192-",
    ],
)
def test_other_names_are_looked_up_in_googles_list(start: Start, wrong: str) -> None:
    driver, _ = start("gce")
    with pytest.raises(SizeNotFound, match=r"takes \[FAMILY-\]custom-CPUS-MB"):
        driver.get_size(size_id=wrong, deadline=Deadline(20))


def composed(driver: Any, size_id: str) -> Any:
    """Return a composed size, whose parts a test checks."""
    return composed_or_none(driver, size_id)


def made(provider: str) -> Any:
    """Return a driver object without the requests of its constructor."""
    driver: Any = object.__new__(providers.load(provider))
    driver.connection = SimpleNamespace(driver=driver)
    return driver


def test_without_a_zone_google_has_no_custom_machine_types() -> None:
    driver = made("gce")
    driver.zone = None
    assert composed(driver, "custom-4-8192") is None
    driver.zone = SimpleNamespace(name="z")
    assert (
        composed(driver, "custom-4-8192").extra["selfLink"] == "zones/z/machineTypes/custom-4-8192"
    )


def test_kubevirt_requests_and_limits_what_a_size_says() -> None:
    driver = made("kubevirt")
    size = composed(driver, "custom-2-4096")
    resources: dict[str, Any] = {"limits": {}, "requests": {}}
    domain = {"resources": resources}
    driver._create_node_size({"spec": {"template": {"spec": {"domain": domain}}}}, size=size)
    assert resources == {
        "limits": {"memory": "4096Mi", "cpu": 2},
        "requests": {"memory": "4096Mi", "cpu": 2},
    }


def test_cloudsigma_has_amounts_where_its_driver_looks_for_them() -> None:
    module = importlib.import_module("libcloud.compute.drivers.cloudsigma")
    new = object.__new__(module.CloudSigma_2_0_NodeDriver)
    size = composed(new, "custom-2-4096-20")
    assert (size.cpu, size.ram, size.disk) == (2, 4096, 20)
    assert form_of(object.__new__(module.CloudSigma_1_0_NodeDriver)) is None


def test_kamatera_composes_what_libcloud_writes_itself() -> None:
    driver = made("kamatera")
    size = composed(driver, "4A-8192MB-100GB-t5000")
    assert (size.id, size.ram, size.disk) == ("4A-8192MB-100GB-t5000", 8192, 100)
    assert size.extra["cpuType"] == "A"
    assert (size.extra["cpuCores"], size.extra["monthlyTrafficPackage"]) == (4, "t5000")
    assert driver.ex_get_size(8192, 100, "A", 4, monthlyTrafficPackage="t5000").id == size.id


@pytest.mark.parametrize("provider", providers.names())
def test_only_these_providers_compose_sizes(provider: str) -> None:
    has_form = provider in FORMS
    driver = made(provider)
    driver.zone = SimpleNamespace(name="z")
    every = ("custom-4-8192", "custom-2-4096-20", "2B-4096MB-50GB", "tinav5.c2r4p1")
    assert any(composed(driver, one) is not None for one in every) == has_form
