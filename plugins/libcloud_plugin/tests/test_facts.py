"""The image, size, age and tags of nodes, in Libcloud's recorded answers and in the table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from recorded_clouds import recorded

from orchestrator_core import Node
from orchestrator_libcloud.nodes.facts import PLACES, Facts, Places, facts_of
from orchestrator_libcloud.providers import load

README = Path(__file__).parent.parent / "README.md"


def first_node(name: str) -> Node:
    with recorded(name) as cloud:
        assert cloud is not None
        node: Node = cloud.call("list_nodes")[0]
    return node


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]  # a date's parts


RECORDED = {
    "test_ec2.EC2Tests": Facts("ami-3215fe5a", "m1.small", at(2013, 12, 2, 11, 58, 11), {}),
    "test_openstack.OpenStack_1_1_Tests": Facts("7", "2", at(2011, 10, 11, 0, 51, 39), {}),
    "test_digitalocean_v2.DigitalOcean_v2_Tests": Facts(
        "69463186", "s-1vcpu-1gb", at(2020, 10, 15, 13, 58, 22), {}
    ),
    "test_ecs.ECSDriverTestCase": Facts(
        "ubuntu1404_64_20G_aliaegis_20150325.vhd", "ecs.t1.small", at(2015, 12, 27, 7, 35), {}
    ),
    "test_gce.GCENodeDriverTest": Facts(
        "debian-7-wheezy-v20131120", "n1-standard-1", at(2013, 12, 13, 18, 45, 23, 351000), {}
    ),
    "test_brightbox.BrightboxTest": Facts(
        "img-arm8f", "typ-urtky", at(2010, 10, 14, 10, 2, 38), {}
    ),
    "test_vultr.VultrTests": Facts("387", "201", at(2020, 10, 14, 9, 37, 50), {"Web": ""}),
}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_nodes(name: str) -> None:
    node = first_node(name)
    assert Facts(node.image, node.size, node.created_at, node.tags) == RECORDED[name]


def driver(provider: str) -> Any:
    return object.__new__(load(provider))


def node(provider: str, **attributes: Any) -> Any:
    return SimpleNamespace(driver=driver(provider), **attributes)


@pytest.mark.parametrize(
    ("provider", "extra", "tags"),
    [
        ("ec2", {"tags": {"env": "prod", "n": None}}, {"env": "prod", "n": ""}),
        ("outscale", {"Tags": [{"Key": "env", "Value": "prod"}, "x"]}, {"env": "prod"}),
        ("scaleway", {"tags": ["env:prod", "gpu", "", ":x", "a:b:c"]}, None),
        ("gce", {"labels": {"env": "prod"}, "tags": ["http"]}, {"env": "prod"}),
        ("gce", {"labels": None}, {}),
        ("openstack", {"metadata": {"env": "prod"}}, {"env": "prod"}),
        ("azure_arm", {"tags": {"env": {"nested": 1}, "n": 7}}, {"n": "7"}),
        ("vultr", {"tag": "env:prod"}, {"env": "prod"}),
        ("upcloud", {"tags": ["x"]}, {}),
    ],
)
def test_tags(provider: str, extra: dict[str, Any], tags: dict[str, str] | None) -> None:
    words = {"env": "prod", "gpu": "", "a": "b:c"}
    assert facts_of(node(provider), extra).tags == (words if tags is None else tags)


def test_what_a_driver_makes_up_is_not_shown() -> None:
    made_up = SimpleNamespace(id="x")
    for provider in ("vsphere", "dimensiondata", "nttcis"):
        facts = facts_of(node(provider, image=made_up, size=made_up), {})
        assert facts == Facts(None, None, None, {})


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026-01-02T03:04:05Z", at(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02T03:04:05+0100", at(2026, 1, 2, 2, 4, 5)),
        (datetime(2026, 1, 2), at(2026, 1, 2)),  # noqa: DTZ001 - as Linode's driver makes it
        *[(odd, None) for odd in ("yesterday", "", 7, None, False, "9999-12-31T23:59:59-23:00")],
    ],
)
def test_times(value: Any, found: datetime | None) -> None:
    assert facts_of(node("cloudstack"), {"created": value}).created_at == found
    assert facts_of(node("linode", created_at=value), {}).created_at == found


@pytest.mark.parametrize("value", [None, "", "None", True, {}, 1.5])
def test_ids_that_are_none(value: Any) -> None:
    assert facts_of(node("ec2", image=value), {"image_id": value}).image is None


def test_libcloud_s_attributes_are_used() -> None:
    shown = node("brightbox", image=SimpleNamespace(id="img-1"), size="nano")
    facts = facts_of(shown, {})
    assert (facts.image, facts.size) == ("img-1", "nano")


def test_the_readme_has_the_table() -> None:
    assert table() in README.read_text(), f"the README should have:\n{table()}"


def table() -> str:
    lines = [f"| {name.partition('.')[0]} | {_cells(one)} |" for name, one in PLACES.items()]
    head = "| driver | image | size | created_at | tags |\n| --- | --- | --- | --- | --- |"
    return "\n".join([head, *lines]) + "\n"


def _cells(places: Places) -> str:
    own = "Libcloud's attribute" if places.has_attributes else "-"
    tags = "-" if places.tags is None else f"`{places.tags}`"
    shown = [own if one is None else f"`{one}`" for one in (places.image, places.size)]
    created = "Libcloud's attribute" if places.created_at is None else f"`{places.created_at}`"
    return " | ".join([*shown, created, tags])
