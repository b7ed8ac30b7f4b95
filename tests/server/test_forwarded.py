"""The client that a proxy names: only what trusted proxies have written counts."""

from __future__ import annotations

import ipaddress
from types import SimpleNamespace

import pytest

from orchestrator_core.server.forwarded import client_of


@pytest.mark.parametrize(
    ("fields", "client"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["203.0.113.1, 198.51.100.7"], "198.51.100.7"),  # the first may be made up
        (["203.0.113.1", "198.51.100.7,10.0.0.5"], "198.51.100.7"),  # 10.0.0.5 is a proxy too
        (["10.0.0.4, 10.0.0.5"], "10.0.0.4"),  # a proxy's own request
        (["2001:db8::1"], "2001:db8::1"),
        (["unknown"], None),
        (["unknown, 10.0.0.5"], "10.0.0.5"),
        ([""], None),
    ],
)
def test_the_last_address_that_is_no_proxy(fields: list[str], client: str | None) -> None:
    trusted = ["127.0.0.1", "10.0.0.0/24"]
    networks = [ipaddress.ip_network(one) for one in trusted]
    cfg = SimpleNamespace(forwarded_allow_ips=trusted, forwarded_allow_networks=lambda: networks)
    assert client_of([field.encode() for field in fields], cfg) == client


def test_with_every_proxy_trusted_only_the_last_address_counts() -> None:
    cfg = SimpleNamespace(forwarded_allow_ips=["*"], forwarded_allow_networks=list)
    assert client_of([b"203.0.113.1, 198.51.100.7"], cfg) == "198.51.100.7"
