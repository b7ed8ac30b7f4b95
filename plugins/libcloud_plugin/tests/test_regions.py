"""Regions: the cloud decides, and Libcloud's tables only give hints."""

from __future__ import annotations

import importlib
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore
import pytest
from marshmallow import ValidationError

from orchestrator_core import CloudError, Deadline
from orchestrator_libcloud import LibcloudDriver, regions
from orchestrator_libcloud.settings import LibcloudSettings

Make = Callable[..., LibcloudDriver]
PAIR = {"key": "user", "secret": "env:TEST_SECRET"}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SECRET", "s3cret")


def _amazon_regions() -> list[tuple[str, str]]:
    """Return each region of Amazon's own SDK with its partition's domain."""
    path = Path(botocore.__file__).parent / "data" / "partitions.json"
    return [
        (region, partition["outputs"]["dnsSuffix"])
        for partition in json.loads(path.read_text())["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    ]


def driver_of(cloud: LibcloudDriver, deadline: Deadline) -> Any:
    with cloud._sessions.driver(deadline) as driver:
        return driver


@pytest.mark.parametrize(("region", "suffix"), _amazon_regions())
def test_every_region_of_amazons_own_sdk_works(
    make: Make, deadline: Deadline, region: str, suffix: str
) -> None:
    cloud = make(provider="ec2", **PAIR, region=region)
    driver = driver_of(cloud, deadline)
    assert driver.region_name == region
    assert driver.connection.host == f"ec2.{region}.{suffix}"
    assert cloud.describe().host == f"ec2.{region}.{suffix}"


def test_a_region_that_is_not_there_yet_works_and_a_log_line_names_the_nearest(
    make: Make, deadline: Deadline, caplog: pytest.LogCaptureFixture
) -> None:
    cloud = make(provider="ec2", **PAIR, region="eu-wset-1")
    with caplog.at_level(logging.WARNING):
        assert driver_of(cloud, deadline).region_name == "eu-wset-1"
        driver_of(cloud, deadline)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "'eu-wset-1' is unknown to Libcloud's table of ec2; the nearest" in line
    assert "'eu-west-1'" in line


def test_a_failed_check_names_the_region_too(make: Make, deadline: Deadline) -> None:
    where: dict[str, Any] = {"host": "127.0.0.1", "port": 1, "secure": False}
    with pytest.raises(CloudError, match=r"reached\. The region 'eu-wset-1' is unknown"):
        make(provider="ec2", **PAIR, region="eu-wset-1", **where).check(deadline=deadline)
    with pytest.raises(CloudError) as caught:
        make(provider="ec2", **PAIR, region="eu-west-1", **where).check(deadline=deadline)
    assert "region" not in caught.value.message


def refusal(**settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        LibcloudSettings().load({**PAIR, **settings})
    messages = caught.value.messages
    assert isinstance(messages, dict)
    assert set(messages) == {"region"}
    return str(messages["region"][0])


@pytest.mark.parametrize(
    ("region", "why"),
    [
        ("eu-west-1a", "is an availability zone; its region is 'eu-west-1'"),
        ("eu_west_1", "does not have the form of an Amazon region; the nearest there is 'eu-west"),
        ("EU-WEST-1", "does not have the form of an Amazon region; the nearest there is 'eu-west"),
        ("x.example/", "does not have the form"),
        ("eu-west-1\n", "does not have the form"),
    ],
)
def test_what_cannot_be_an_amazon_region(region: str, why: str) -> None:
    assert why in refusal(provider="ec2", region=region)


def test_a_region_among_the_arguments_is_looked_at_too(make: Make, deadline: Deadline) -> None:
    with pytest.raises(ValidationError, match="availability zone"):
        LibcloudSettings().load({"provider": "ec2", **PAIR, "arguments": {"region": "eu-west-1a"}})
    cloud = make(provider="ec2", **PAIR, arguments={"region": "mx-central-1"})
    assert driver_of(cloud, deadline).connection.host == "ec2.mx-central-1.amazonaws.com"


def test_a_region_that_means_something_in_the_drivers_code() -> None:
    assert "only the regions uk, us" in refusal(provider="rackspace_first_gen", region="dfw")


def test_an_amazon_like_cloud_at_its_own_host_may_call_its_region_as_it_likes(
    make: Make, deadline: Deadline
) -> None:
    cloud = make(provider="ec2", **PAIR, region="RegionOne", host="ec2.example.org")
    driver = driver_of(cloud, deadline)
    assert (driver.region_name, driver.connection.host) == ("RegionOne", "ec2.example.org")
    assert "cannot be the name" in refusal(provider="ec2", region="a b", host="ec2.example.org")


@pytest.mark.parametrize(
    ("provider", "region", "host"),
    [
        ("outscale_sas", "cloudgouv-eu-west-1", "fcu.cloudgouv-eu-west-1.outscale.com"),
        ("outscale_inc", "ap-northeast-1", "fcu.ap-northeast-1.outscale.com"),
        ("cloudsigma", "tyo", "tyo.cloudsigma.com"),
    ],
)
def test_regions_of_others_whose_address_follows_a_rule(
    make: Make, deadline: Deadline, provider: str, region: str, host: str
) -> None:
    cloud = make(provider=provider, **PAIR, region=region)
    assert driver_of(cloud, deadline).connection.host == host
    assert "cannot be the name" in refusal(provider=provider, region="a/b")


def test_a_region_of_a_catalogue_is_a_word_of_it(make: Make, deadline: Deadline) -> None:
    made = driver_of(make(provider="rackspace", **PAIR, region="fra"), deadline)
    assert made.region == "fra"


@pytest.mark.parametrize("provider", ["dimensiondata", "internetsolutions", "ntta", "nttcis"])
def test_regions_without_a_rule_need_a_host(make: Make, deadline: Deadline, provider: str) -> None:
    assert re.search("has no address .* set host", refusal(provider=provider, region="xx-yy"))
    for host in ("api.example.org", "api.example.net"):
        made = driver_of(make(provider=provider, **PAIR, region="xx-yy", host=host), deadline)
        assert made.connection.host == host


def test_an_unknown_region_is_not_served_by_another(make: Make, deadline: Deadline) -> None:
    assert "Amsterdam, Barcelona" in refusal(provider="aurora_compute", region="Berlin")
    table = importlib.import_module("libcloud.compute.drivers.auroracompute").REGION_ENDPOINT_MAP
    assert sorted(table) == list(regions._ONLY["aurora_compute"])
    made = driver_of(make(provider="aurora_compute", **PAIR, region="Tokyo"), deadline)
    assert made.path == "/tyo"


def test_what_one_driver_was_taught_changes_no_other(make: Make, deadline: Deadline) -> None:
    driver_of(make(provider="nttcis", **PAIR, region="dd-na", host="api.example.org"), deadline)
    assert regions.refusal("dimensiondata", "dd-na") is None
    assert regions.hint("dimensiondata", "dd-na") is None


@pytest.mark.parametrize("region", ["eu-west-1", None])
def test_a_region_of_the_table_needs_no_hint(region: str | None) -> None:
    assert regions.hint("ec2", region) is None
    assert regions.hint("openstack", "anything") is None
