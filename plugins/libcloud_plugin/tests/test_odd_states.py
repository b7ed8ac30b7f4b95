"""Nodes that a driver cannot read, over HTTP: they are shown beside the others."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from any_host import Reply, Request, any_host

from orchestrator_core import Deadline, Node, NodeState
from orchestrator_libcloud import LibcloudDriver

Make = Callable[..., LibcloudDriver]
Listed = Callable[..., list[Node]]
Answer = Callable[[Any], Callable[[Request], Reply]]


def _json(value: Any) -> Reply:
    return Reply(json.dumps(value).encode(), headers=(("Content-Type", "application/json"),))


def _ovh(odd: Any) -> Callable[[Request], Reply]:
    def one(name: str, **more: Any) -> dict[str, Any]:
        address = {"ip": "198.51.100.7", "type": "public", "version": 4}
        node = {"id": name, "name": name, "status": "ACTIVE", "ipAddresses": [address]}
        return {key: value for key, value in {**node, **more}.items() if value is not ...}

    def answer(request: Request) -> Reply:
        if request.path.endswith("/auth/time"):
            return _json(int(time.time()))
        return _json([one("a"), one("b", **odd), one("c")])

    return answer


def _linode(odd: Any) -> Callable[[Request], Reply]:
    def one(number: int, **more: Any) -> dict[str, Any]:
        words = dict.fromkeys(("region", "hypervisor", "type", "image"), "x")
        parts: dict[str, Any] = {name: {} for name in ("specs", "alerts", "backups")}
        node = {"id": number, "label": "abc"[number - 1], "status": "running", **words, **parts}
        node |= {"ipv4": ["198.51.100.7"], "ipv6": None, "tags": [], "watchdog_enabled": True}
        node |= {"created": "2026-01-02T03:04:05", "updated": "2026-01-02T03:04:05", **more}
        return {key: value for key, value in node.items() if value is not ...}

    nodes = [one(1), one(2, **odd), one(3)]
    return lambda _: _json({"data": nodes, "page": 1, "pages": 1, "results": 3})


@pytest.fixture
def listed(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Listed:
    monkeypatch.setenv("TEST_SECRET", "s")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def _listed(provider: str, answer: Callable[[Request], Reply], times: int = 1) -> list[Node]:
        own = {"secret": "env:TEST_SECRET"} if provider == "ovh" else {}
        arguments = {"ex_project_id": "p", "ex_consumer_key": "c"} if provider == "ovh" else {}
        with any_host(answer, authority) as port:
            driver = make(
                provider=provider,
                key="k",
                proxy=f"http://127.0.0.1:{port}",
                ca_file=str(tmp_path / "ca.pem"),
                arguments=arguments,
                **own,
            )
            for _ in range(times):
                nodes = driver.list_nodes(Deadline(20))
            driver.close()
        return nodes

    return _listed


@pytest.mark.parametrize(
    ("cloud", "odd", "state"),
    [
        (("ovh", _ovh), {}, NodeState.RUNNING),
        (("ovh", _ovh), {"status": "UNSHELVING"}, NodeState.STARTING),
        (("ovh", _ovh), {"status": "FROBNICATED"}, NodeState.UNKNOWN),
        (("ovh", _ovh), {"status": None}, NodeState.UNKNOWN),
        (("ovh", _ovh), {"status": ...}, NodeState.UNKNOWN),
        (("ovh", _ovh), {"status": ["ACTIVE"]}, NodeState.UNKNOWN),
        (("ovh", _ovh), {"ipAddresses": None}, NodeState.RUNNING),
        (("ovh", _ovh), {"ipAddresses": ...}, NodeState.RUNNING),
        (("linode", _linode), {"status": "billing_suspension"}, NodeState.SUSPENDED),
        (("linode", _linode), {"status": "frobnicated"}, NodeState.UNKNOWN),
        (("linode", _linode), {"created": "yesterday"}, NodeState.RUNNING),
        (("linode", _linode), {"ipv4": None}, NodeState.RUNNING),
    ],
)
def test_a_node_that_the_driver_cannot_read(
    cloud: tuple[str, Answer], odd: dict[str, Any], state: NodeState, listed: Listed
) -> None:
    provider, api = cloud
    nodes = listed(provider, api(odd))
    assert [node.name for node in nodes] == ["a", "b", "c"]
    assert [node.state for node in nodes] == [NodeState.RUNNING, state, NodeState.RUNNING]
    assert "2001-01-01" not in repr(nodes)
    assert "2011-11-11" not in repr(nodes)


def test_the_log_names_item_and_field_once(
    listed: Listed, caplog: pytest.LogCaptureFixture
) -> None:
    odd = {"ipv4": 7, "label": "odd-one"}
    with caplog.at_level(logging.WARNING):
        listed("linode", _linode(odd), 2)
    lines = [r.getMessage() for r in caplog.records if "odd-one" in r.getMessage()]
    assert len(lines) == 1
    assert "node 2" in lines[0]
    assert "ipv4 is a number" in lines[0]
