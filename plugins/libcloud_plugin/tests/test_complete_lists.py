"""Complete lists or errors: real drivers against paging providers on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import json_clouds
import pytest
import trustme
import xml_clouds
from any_host import any_host
from paged_clouds import ALL, Cloud, answering

from orchestrator_core import (
    CloudError,
    CloudTimeout,
    Deadline,
    ImageFilter,
    InvalidAnswer,
    NodeNotFound,
)
from orchestrator_libcloud import LibcloudDriver

Start = Callable[..., tuple[LibcloudDriver, Cloud]]

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "abiquo": {"endpoint": "https://abiquo.invalid/api"},
    "azure_arm": {"tenant_id": "t", "subscription_id": "s"},
    "cloudstack": {"path": "/client/api"},
    "gce": {"project": "mine", "auth_type": "IA"},
    "openstack": {"ex_tenant_name": "t", "ex_domain_name": "Default"},
}
_REGIONS = {"outscale": "eu-west-2", "azure_arm": "eastus", "openstack": "RegionOne"}
_DIRECT = frozenset({"ec2", "openstack", "cloudstack", "aliyun_ecs"})
"""Providers whose address is a setting."""

_NO_SECRET = frozenset(
    {"cloudscale", "digitalocean", "equinixmetal", "gandi", "linode", "vultr"},
)

APIS: dict[str, Any] = {
    "abiquo": xml_clouds.abiquo,
    "aliyun_ecs": xml_clouds.alibaba,
    "azure_arm": json_clouds.azure,
    "cloudscale": json_clouds.cloudscale,
    "cloudsigma": json_clouds.cloudsigma,
    "cloudstack": json_clouds.cloudstack,
    "digitalocean": json_clouds.digitalocean,
    "ec2": xml_clouds.amazon,
    "equinixmetal": json_clouds.equinix,
    "gandi": xml_clouds.gandi,
    "gce": json_clouds.google,
    "linode": json_clouds.linode,
    "nttcis": xml_clouds.ntt,
    "outscale": json_clouds.outscale,
    "scaleway": json_clouds.scaleway,
    "vultr": json_clouds.vultr,
}

PAGED = [
    ("abiquo", "list_images"),
    ("aliyun_ecs", "list_nodes"),
    ("aliyun_ecs", "list_sizes"),
    ("azure_arm", "list_nodes"),
    ("cloudstack", "list_nodes"),
    ("cloudstack", "list_sizes"),
    ("digitalocean", "list_nodes"),
    ("ec2", "list_nodes"),
    ("ec2", "list_images"),
    ("equinixmetal", "list_nodes"),
    ("gce", "list_nodes"),
    ("gce", "list_sizes"),
    ("linode", "list_locations"),
    ("nttcis", "list_locations"),
    ("nttcis", "list_nodes"),
    ("openstack", "list_nodes"),
    ("openstack", "list_images"),
    ("openstack", "list_sizes"),
    ("outscale", "list_nodes"),
    ("scaleway", "list_nodes"),
    ("scaleway", "list_sizes"),
    ("vultr", "list_locations"),
]
JSON_ONLY = [case for case in PAGED if case[0] in ("digitalocean", "linode", "openstack", "vultr")]


@pytest.fixture
def start(
    make: Callable[..., LibcloudDriver],
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Start]:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    token = {"access_token": "t", "expire_time": "2099-01-01T00:00:00Z"}
    (tmp_path / "token").write_text(json.dumps(token))
    with ExitStack() as stack:

        def _start(
            provider: str, mode: str = "whole", api: Any = None, **more: Any
        ) -> tuple[LibcloudDriver, Cloud]:
            cloud = Cloud(mode)
            ports: list[int] = []
            api = api or APIS.get(provider) or json_clouds.keystone_and_co(lambda: ports[0])
            ports.append(stack.enter_context(any_host(answering(cloud, api), authority)))
            arguments = dict(_ARGUMENTS.get(provider, {}))
            settings: dict[str, Any] = {"provider": provider, "key": "k", **more}
            settings |= {} if provider in _NO_SECRET else {"secret": "env:TEST_SECRET"}
            settings |= {"region": _REGIONS[provider]} if provider in _REGIONS else {}
            if provider == "openstack":
                arguments["ex_force_auth_url"] = f"http://127.0.0.1:{ports[0]}"
                arguments["ex_force_auth_version"] = "3.x_password"
            elif provider in _DIRECT:
                settings |= {"host": "127.0.0.1", "port": ports[0], "secure": False}
            else:
                settings |= {"proxy": f"http://127.0.0.1:{ports[0]}", "ca_file": str(ca_file)}
            if provider == "gce":
                arguments["credential_file"] = str(tmp_path / "token")
            if provider == "outscale":
                # Its driver sends requests without Libcloud's connections.
                monkeypatch.setenv("HTTPS_PROXY", settings.pop("proxy"))
                monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
            return make(**settings, arguments=arguments), cloud

        yield _start


def ids(driver: LibcloudDriver, name: str, seconds: float = 20) -> list[str]:
    more = {"filters": ImageFilter()} if name == "list_images" else {}
    return [thing.id for thing in getattr(driver, name)(deadline=Deadline(seconds), **more)]


@pytest.mark.parametrize(("provider", "name"), PAGED)
def test_every_page_comes(start: Start, provider: str, name: str) -> None:
    driver, _ = start(provider)
    assert ids(driver, name) == ALL
    assert ids(driver, name) == ALL  # The first call has left nothing.


@pytest.mark.parametrize(("provider", "name"), PAGED)
def test_a_failure_in_the_middle_is_no_short_list(start: Start, provider: str, name: str) -> None:
    driver, _ = start(provider, "fails")
    with pytest.raises(CloudError):
        ids(driver, name)


@pytest.mark.parametrize("mode", ["repeats", "stuck"])
@pytest.mark.parametrize(("provider", "name"), PAGED)
def test_a_list_without_end_is_an_error(start: Start, provider: str, name: str, mode: str) -> None:
    driver, cloud = start(provider, mode)
    with pytest.raises(CloudError, match="incomplete"):
        ids(driver, name)
    assert len(cloud.seen) < 20


@pytest.mark.parametrize(
    ("provider", "name"), [case for case in PAGED if case != ("gce", "list_sizes")]
)
def test_what_moves_to_the_next_page_meanwhile_is_shown_once(
    start: Start, provider: str, name: str
) -> None:
    driver, _ = start(provider, "shifts")
    assert sorted(ids(driver, name)) == ALL


@pytest.mark.parametrize("mode", ["bare", "empty"])
@pytest.mark.parametrize(("provider", "name"), JSON_ONLY)
def test_a_page_without_its_list_is_an_error(
    start: Start, provider: str, name: str, mode: str
) -> None:
    driver, _ = start(provider, mode)
    with pytest.raises(InvalidAnswer):
        ids(driver, name)


def test_googles_machine_types_have_one_id_in_all_zones(start: Start) -> None:
    driver, _ = start("gce", "shifts")
    assert len(ids(driver, "list_sizes")) == len(ALL) + 2


def test_a_zone_that_did_not_answer_is_no_short_list(start: Start) -> None:
    driver, _ = start("gce", "unreachable")
    with pytest.raises(CloudError, match="A part of the cloud cannot be reached"):
        ids(driver, "list_nodes")


def test_googles_images_pass_over_what_is_closed_and_nothing_else(start: Start) -> None:
    driver, _ = start("gce")
    assert ids(driver, "list_images") == [*ALL, "public"]
    driver, _ = start("gce", "half")
    with pytest.raises(CloudError):
        ids(driver, "list_images")


@pytest.mark.parametrize(
    ("provider", "name", "good", "bad"),
    [
        ("abiquo", "list_images", "whole", "counted"),
        ("cloudscale", "list_sizes", "whole", "linked"),
        ("cloudsigma", "list_images", "whole", "counted"),
        ("gandi", "list_images", "short", "full"),
    ],
)
def test_more_that_cannot_be_fetched_is_an_error(
    start: Start, provider: str, name: str, good: str, bad: str
) -> None:
    driver, _ = start(provider, good)
    assert len(ids(driver, name)) in (2, 6, 99)
    driver, _ = start(provider, bad)
    with pytest.raises(CloudError, match="more of this list"):
        ids(driver, name)


def test_a_search_goes_through_all_pages_too(start: Start) -> None:
    driver, _ = start("digitalocean")
    assert driver.get_node(node_id=ALL[-1], deadline=Deadline(20)).id == ALL[-1]
    driver, cloud = start("ec2")
    with pytest.raises(NodeNotFound):
        driver.find_node(marker="m", deadline=Deadline(20))
    assert len([request for request in cloud.seen if "Filter" in str(request.query)]) >= 3


def test_the_deadline_ends_a_list(start: Start) -> None:
    driver, cloud = start("digitalocean", "slow")
    with pytest.raises(CloudTimeout):
        ids(driver, "list_nodes", 0.6)
    assert len(cloud.seen) < 5


def test_a_count_that_is_of_one_page_only(start: Start) -> None:
    driver, cloud = start("cloudstack", api=json_clouds.old_cloudstack)
    assert ids(driver, "list_sizes") == [str(number) for number in range(600)]
    assert [request.query.get("pagesize") for request in cloud.seen] == [None, "500"]


def test_images_of_some_owners(start: Start) -> None:
    driver, cloud = start("ec2", image_owner=["self", "123456789012"])
    assert ids(driver, "list_images") == ALL  # once each
    owners = [request.query.get("Owner.1") for request in cloud.seen]
    assert owners == ["self"] * 3 + ["123456789012"] * 3
    driver, cloud = start("ec2")
    ids(driver, "list_images")
    assert not [request for request in cloud.seen if "Owner.1" in request.query]
