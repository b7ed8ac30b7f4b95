"""Refused requests beside an odd item of the same list: the refusal is reported, without a repeat.

Real drivers against providers on loopback.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import refused_parts
from any_host import Reply, Request
from libcloud.compute.drivers.linode import LinodeNodeDriverV4
from refused_parts import Azure

from orchestrator_core import (
    CloudError,
    CloudUnreachable,
    CredentialsRefused,
    Deadline,
    InvalidAnswer,
    Node,
    NodeState,
    OrchestratorError,
    RateLimited,
)
from orchestrator_libcloud import LibcloudDriver

Served = Callable[..., LibcloudDriver]

NIC = "/networkInterfaces/nic2"
GONE = refused_parts.azure_error("ResourceNotFound", 404)
THROTTLED = refused_parts.azure_error("TooManyRequests", 429, ("Retry-After", "7"))


def listed(driver: LibcloudDriver, seconds: float = 20) -> list[Node]:
    return driver.list_nodes(deadline=Deadline(seconds))


def refusing(part: str, reply: Reply) -> Callable[[Request], Reply | None]:
    return lambda request: reply if request.path.endswith(part) else None


def asked_twice(azure: Azure) -> list[str]:
    """Return the paths that were requested more than once; the login does not count."""
    return [path for path, times in Counter(azure.seen).items() if times > 1]


@pytest.mark.parametrize("part", ["/nic1", "/ip1", NIC, "/vm2/InstanceView"])
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (THROTTLED, RateLimited),
        (refused_parts.azure_error("ServerUnavailable", 503), CloudUnreachable),
        (refused_parts.azure_error("InternalError", 500), CloudError),
        (refused_parts.azure_error("InvalidAuthenticationToken", 401), CredentialsRefused),
        (refused_parts.azure_error("BadRequest", 400), OrchestratorError),
        (refused_parts.page_of_a_proxy(404), InvalidAnswer),
        (refused_parts.in_json(["no", "object"], 503), CloudUnreachable),
    ],
    ids=["429", "503", "500", "401", "400", "404 page", "503 list"],
)
def test_a_refusal_is_not_mended(
    served: Served, part: str, reply: Reply, error: type[Exception]
) -> None:
    azure = Azure(refuse=refusing(part, reply), odd={"name": ...})
    with pytest.raises(error):
        listed(served("azure_arm", azure))
    assert azure.seen[-1].endswith(part)
    assert not asked_twice(azure)


@pytest.mark.parametrize("refused", [None, NIC, "/ip2", "/vm2/InstanceView", "/nic1"])
def test_nothing_is_asked_twice(served: Served, refused: str | None) -> None:
    refuse = refusing(refused, GONE) if refused is not None else lambda _: None
    azure = Azure(refuse=refuse, odd={"name": ...})
    nodes = listed(served("azure_arm", azure))
    assert [node.id[-3:] for node in nodes] == ["vm1", "vm2"]
    assert nodes[1].name == "vm2"
    assert not asked_twice(azure)


@pytest.mark.parametrize(
    ("field", "odd"), [("zone", None), ("zone", ""), ("zone", 7), ("machineType", None)]
)
def test_a_request_that_an_odd_field_makes_names_the_field(
    served: Served, field: str, odd: object
) -> None:
    google = refused_parts.Google()
    google.instances[1][field] = odd
    driver = served("gce", google)
    with pytest.raises(InvalidAnswer, match=rf"node 2 'vm-2' .*{field}"):
        listed(driver)


@pytest.mark.parametrize("nic", ["", " ", "/x"])
def test_a_link_that_leads_nowhere_is_named(served: Served, nic: str) -> None:
    def answer(request: Request) -> Reply:
        reply = azure(request)
        if not request.path.endswith("/virtualMachines"):
            return reply
        found = json.loads(reply.body)
        profile = found["value"][1]["properties"]["networkProfile"]
        profile["networkInterfaces"][0]["id"] = nic
        return refused_parts.in_json(found)

    def refuse(request: Request) -> Reply | None:
        return None if "/subscriptions/" in request.path or "token" in request.path else GONE

    azure = Azure(refuse=refuse)
    with pytest.raises(InvalidAnswer, match=r"node 2 'vm2' .*networkInterfaces\[0\].id"):
        listed(served("azure_arm", answer))


def _kamatera(short: list[dict[str, Any]], details: Reply) -> Callable[[Request], Reply]:
    return lambda r: refused_parts.in_json(short) if r.path.endswith("/servers") else details


@pytest.mark.parametrize(
    "body", [{"errors": [7]}, {"errors": None}, ["odd"], "odd", 7, None, {"message": {"a": []}}]
)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_refusal_that_the_driver_cannot_read_is_not_mended(
    served: Served, body: Any, status: int
) -> None:
    short = [{"id": n, "name": n, "power": "on", "datacenter": "IL"} for n in ("a", "b")]
    with pytest.raises(CloudError) as caught:
        listed(served("kamatera", _kamatera(short, refused_parts.in_json(body, status))))
    assert "a field" not in caught.value.message


@pytest.mark.parametrize(
    ("power", "state"),
    [
        ("on", NodeState.RUNNING),
        ("off", NodeState.STOPPED),
        ("frozen", NodeState.UNKNOWN),
        (None, NodeState.UNKNOWN),
        (["on"], NodeState.UNKNOWN),
    ],
)
def test_kamatera_shows_addresses_and_the_power_that_it_tells(
    served: Served, power: object, state: NodeState
) -> None:
    short = [{"id": n, "name": n, "power": "on", "datacenter": "IL"} for n in ("a", "b")]
    short[1]["power"] = power  # type: ignore[assignment]
    networks = [{"network": "wan-il", "ips": ["45.1.2.3"]}]
    details = [{**one, "billing": "hourly", "networks": networks} for one in short]
    nodes = listed(served("kamatera", _kamatera(short, refused_parts.in_json(details))))
    assert [node.state for node in nodes] == [NodeState.RUNNING, state]
    assert [node.public_ips for node in nodes] == [["45.1.2.3"], ["45.1.2.3"]]


def test_the_search_in_a_long_list_makes_few_nodes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    seen: list[str] = []
    make_node: Callable[..., Any] = LinodeNodeDriverV4._to_node

    def to_node(self: LinodeNodeDriverV4, data: Any) -> Any:
        made.append(data)
        return make_node(self, data)

    def answer(request: Request) -> Reply:
        seen.append(request.path)
        return page

    monkeypatch.setattr(LinodeNodeDriverV4, "_to_node", to_node)
    words = dict.fromkeys(("region", "hypervisor", "type", "image"), "x")
    parts: dict[str, Any] = {name: {} for name in ("specs", "alerts", "backups")}
    common = {**words, **parts, "status": "running", "tags": [], "watchdog_enabled": True}
    common |= {"created": "2026-01-02T03:04:05", "updated": "2026-01-02T03:04:05", "ipv6": None}
    nodes = [{"id": n, "label": f"n{n}", "ipv4": [], **common} for n in range(1, 2001)]
    nodes[1233]["created"] = "yesterday"
    page = refused_parts.in_json({"data": nodes, "page": 1, "pages": 1, "results": len(nodes)})
    found = listed(served("linode", answer), seconds=120)
    assert len(found) == len(nodes)
    assert len(seen) == 1
    assert len(made) < 4 * len(nodes)


def test_a_field_that_is_made_up_leaves_the_rest_of_an_item(served: Served) -> None:
    words = dict.fromkeys(("region", "hypervisor", "type", "image"), "x")
    parts: dict[str, Any] = {"specs": {"disk": 1}, "alerts": {}, "backups": {}}
    node = {**words, **parts, "status": "running", "tags": [], "watchdog_enabled": True}
    node |= {"id": 1, "label": "n", "ipv4": ["45.1.2.3"], "ipv6": "2a01:7e00::1/128"}
    node |= {"created": "yesterday", "updated": "2026-01-02T03:04:05"}
    page = refused_parts.in_json({"data": [node], "page": 1, "pages": 1, "results": 1})
    (found,) = listed(served("linode", lambda _: page))
    assert found.public_ips == ["45.1.2.3", "2a01:7e00::1"]
    assert found.extra["specs"] == {"disk": 1}
    assert "2001-01-01" not in repr(found)
