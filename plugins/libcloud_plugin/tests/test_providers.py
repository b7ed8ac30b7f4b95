"""The table of settings and the choice of arguments, against all constructors of Libcloud."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from orchestrator_core import PluginError
from orchestrator_libcloud import providers
from orchestrator_libcloud.arguments import constructor_arguments, parameters, targets
from orchestrator_libcloud.capabilities import needed
from orchestrator_libcloud.settings import LibcloudSettings
from orchestrator_libcloud.support import chosen

ALL = providers.names()

KEYS = {
    "azure": "subscription_id",
    "dummy": "creds",
    "libvirt": "uri",
    "upcloud": "username",
    "vsphere": "username",
    **dict.fromkeys(("gce", "gridscale", "gig_g8", "abiquo"), "user_id"),
}
SECRETS = {
    **dict.fromkeys(("gce", "gridscale", "gig_g8"), "key"),
    **dict.fromkeys(("upcloud", "vsphere"), "password"),
}
REGIONS = {"openstack": "ex_force_service_region", "gce": "datacenter"}


def test_the_table_has_every_provider() -> None:
    assert sorted(providers.TAKES) == ALL
    assert len(ALL) == 49


@pytest.mark.parametrize("provider", ALL)
def test_every_setting_in_the_table_has_its_parameter(provider: str) -> None:
    where = targets(providers.load(provider), {})
    takes = providers.taken(provider)
    takes -= {"region"} if provider in providers.LOCATED else set()
    assert takes <= where.keys()
    assert where["key"] == KEYS.get(provider, "key")
    if "secret" in takes:
        assert where["secret"] == SECRETS.get(provider, "secret")
    if "region" in takes:
        assert where["region"] == REGIONS.get(provider, "region")


@pytest.mark.parametrize("provider", ALL)
def test_a_location_that_is_needed_can_be_set(provider: str) -> None:
    driver_class = chosen({"provider": provider, "arguments": {}}, providers.load(provider))
    lists = ("list_nodes", "list_images", "list_sizes", "create_node")
    if any("location" in needed(driver_class, name) for name in lists):
        assert "region" in providers.taken(provider) or provider == "gridscale"


@pytest.mark.parametrize("provider", sorted(providers.LOCATED))
def test_a_region_that_is_a_location_is_no_argument(provider: str) -> None:
    settings = {"provider": provider, "region": "r", "arguments": {}}
    assert constructor_arguments(providers.load(provider), settings) == {}


@pytest.mark.parametrize("provider", ALL)
def test_every_parameter_without_a_default_is_reached(provider: str) -> None:
    driver_class = providers.load(provider)
    own = parameters(driver_class)[0]
    wanted = {p.name for p in own if p.default is inspect.Parameter.empty}
    where = targets(driver_class, {})
    reached = {where[name] for name in providers.required(provider)}
    assert wanted - reached <= set(providers.NEEDS.get(provider, ()))


@pytest.mark.parametrize(
    "provider",
    [
        "aliyun_ecs", "aurora_compute", "brightbox", "cloudscale", "cloudsigma",
        "digitalocean", "dimensiondata", "dummy", "ec2", "equinixmetal", "eucalyptus", "exoscale",
        "gandi", "gridscale", "ikoula", "internetsolutions", "kamatera", "ktucloud",
        "linode", "maxihost", "nimbus", "ntta", "nttcis", "onapp", "opennebula", "openstack",
        "outscale", "outscale_inc", "outscale_sas", "ovh", "rackspace", "rackspace_first_gen",
        "rimuhosting", "scaleway", "terremark", "upcloud", "vcloud", "vpsnet", "vultr",
    ],
)  # fmt: skip
def test_constructors_that_need_no_network(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    more = {
        "openstack": {"ex_force_auth_url": "http://h.invalid:5000"},
        "ovh": {"ex_project_id": "p", "ex_consumer_key": "c"},
    }
    takes = providers.taken(provider)
    settings: dict[str, Any] = {"provider": provider, "arguments": more.get(provider, {})}
    settings |= {"key": "user"} if "key" in takes else {}
    settings |= {"secret": "env:TEST_SECRET"} if "secret" in takes else {}
    loaded = LibcloudSettings().load(settings)
    driver_class = providers.load(provider)
    driver = driver_class(**constructor_arguments(driver_class, loaded))
    assert isinstance(driver, driver_class)


def test_arguments_go_as_they_are_and_leave_other_names_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    settings = {
        "provider": "libvirt",
        "key": "user",
        "secret": "env:TEST_SECRET",
        "arguments": {"uri": "qemu+tcp://h.invalid/system"},
    }
    loaded = LibcloudSettings().load(settings)
    assert constructor_arguments(providers.load("libvirt"), loaded) == {
        "uri": "qemu+tcp://h.invalid/system",
        "key": "user",
        "secret": "s3cret",
    }


@pytest.mark.parametrize(
    ("provider", "name", "default", "other"),
    [("ec2", "signature_version", "4", "2"), ("openstack", "api_version", "2.2", "2.0")],
)
def test_better_defaults_than_libclouds_own(
    provider: str, name: str, default: str, other: str
) -> None:
    driver_class = providers.load(provider)
    for arguments, expected in (({}, default), ({name: other}, other)):
        settings = {"provider": provider, "arguments": arguments}
        assert constructor_arguments(driver_class, settings) == {name: expected}


def test_a_secret_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    settings = {"provider": "ec2", "key": "user", "secret": "env:TEST_SECRET"}
    loaded = LibcloudSettings().load(settings)
    monkeypatch.delenv("TEST_SECRET")
    with pytest.raises(PluginError, match="environment variable that it names is not set"):
        constructor_arguments(providers.load("ec2"), loaded)
