"""Operations that a provider does not support, reported without a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator_core import Deadline, Size, Unsupported
from orchestrator_libcloud import LibcloudDriver, providers
from orchestrator_libcloud.support import unsupported

Make = Callable[..., LibcloudDriver]


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SECRET", "s3cret")


OPENSTACK = {
    "provider": "openstack",
    "key": "user",
    "secret": "env:TEST_SECRET",
    "arguments": {"ex_force_auth_url": "http://h.invalid:5000"},
}
EC2 = {"provider": "ec2", "key": "user", "secret": "env:TEST_SECRET", "region": "eu-west-1"}


@pytest.mark.parametrize(
    ("settings", "lacking"),
    [(OPENSTACK, set()), (EC2, {"confirm_resize"})],
    ids=["openstack", "ec2"],
)
def test_the_great_ones_do_everything(
    make: Make, settings: dict[str, Any], lacking: set[str]
) -> None:
    assert make(**settings).unsupported().keys() == lacking


def test_what_a_small_one_lacks(make: Make, deadline: Deadline) -> None:
    dummy = make(provider="dummy", key="anyone")
    lacking = dict(dummy.unsupported())
    lists = {"list_keypairs", "list_networks", "list_firewalls"}
    size, named = {"size": Size("1", "s")}, {"name": "n"}
    more: dict[str, dict[str, Any]]
    more = {"resize_vm": size, "confirm_resize": size, "rename_vm": named, "create_image": named}
    actions = {"power_on_vm", "power_off_vm", "get_console_output", *more}
    assert set(lacking) == {*actions, "find_node", *lists}
    assert lacking.pop("find_node").startswith("Provider Dummy Node Provider keeps nothing")
    for hook, why in lacking.items():
        which = {} if hook in lists else {"node_id": "1", **more.get(hook, {})}
        with pytest.raises(Unsupported) as caught:
            getattr(dummy, hook)(**which, deadline=deadline)
        assert caught.value.message == why


@pytest.mark.parametrize(
    ("provider", "hook", "why"),
    [
        ("azure", "start_vm", "needs ex_cloud_service_name"),
        ("libvirt", "start_vm", "does not offer create_node"),
        ("libvirt", "list_images", "does not offer list_images"),
        ("libvirt", "get_image", "does not offer list_images"),
    ],
)
def test_reasons(provider: str, hook: str, why: str) -> None:
    found = unsupported({"provider": provider, "arguments": {}}, providers.load(provider))
    assert why in found[hook]


@pytest.mark.parametrize("provider", providers.names())
def test_every_provider_can_be_asked(provider: str) -> None:
    driver_class = providers.load(provider)
    found = unsupported({"provider": provider, "arguments": {}}, driver_class)
    assert all(why.startswith("Provider ") for why in found.values())
    # These two require the part of the cloud.
    assert ("list_nodes" in found) == (provider in {"azure", "vcl"})
