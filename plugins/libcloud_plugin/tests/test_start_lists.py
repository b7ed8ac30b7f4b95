"""The lists of what a start can name: key pairs, networks and firewalls."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from start_cases import core

from orchestrator_core import Deadline, Unsupported
from orchestrator_libcloud import LibcloudDriver, providers
from orchestrator_libcloud.capabilities import needed
from orchestrator_libcloud.starts.lists import HOOKS
from orchestrator_libcloud.starts.registry import mapping_of
from orchestrator_libcloud.support import chosen, unsupported


def test_amazons_key_pairs_subnets_and_security_groups(
    ec2: LibcloudDriver, raw_ec2: Any, key_pair: str
) -> None:
    subnet = raw_ec2.ex_list_subnets()[0]
    group = raw_ec2.ex_get_security_groups()[0]
    pairs = {pair.name: pair for pair in core(ec2).read("list_keypairs")}
    assert pairs[key_pair].fingerprint
    networks = {network.id: network for network in core(ec2).read("list_networks")}
    assert networks[subnet.id].cidr == subnet.extra["cidr_block"]
    assert networks[subnet.id].extra["zone"] == subnet.extra["zone"]
    firewalls = {firewall.id: firewall for firewall in core(ec2).read("list_firewalls")}
    assert firewalls[group.id].name == group.name
    assert firewalls[group.id].description == group.extra["description"]
    orjson.dumps([one.extra for one in (*networks.values(), *firewalls.values())])


@pytest.mark.parametrize("provider", providers.names())
def test_the_table_of_lists_fits_libclouds_methods(provider: str) -> None:
    settings: dict[str, Any] = {"provider": provider, "arguments": {}}
    actual = chosen(settings, providers.load(provider))
    refused = unsupported(settings, providers.load(provider))
    for hook, own in mapping_of(actual).lists.items():
        assert hook in HOOKS
        if hook == "list_keypairs" and hook in refused:
            continue  # the default of every provider
        assert hook not in refused, refused.get(hook)
        assert own.call is not None or not needed(actual, own.method)


def test_a_list_that_a_provider_lacks_is_refused_by_name(
    make: Any, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    upcloud = make(provider="upcloud", key="k", secret="env:TEST_SECRET")
    with pytest.raises(Unsupported, match="no list of networks through Libcloud"):
        upcloud.list_networks(deadline=deadline)
    assert "list_networks" in upcloud.unsupported()
