"""Reads, power changes and stops of a node that the driver can list but not read alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from openstack_cloud import Answer, OpenStack, in_json, server, serving

from orchestrator_core import Deadline
from orchestrator_libcloud import LibcloudDriver

ODD = server(1, flavor=None, addresses=None)
"""A server as Nova shows it while its cell is unreachable."""


@pytest.fixture
def deleted() -> list[str]:
    return []


@pytest.fixture
def cloud(
    make: Callable[..., LibcloudDriver], monkeypatch: pytest.MonkeyPatch, deleted: list[str]
) -> Iterator[LibcloudDriver]:
    monkeypatch.setenv("TEST_PASSWORD", "p")

    def before(method: str, path: str, _query: dict[str, str]) -> Answer | None:
        if not path.endswith(f"/servers/{ODD['id']}"):
            return None
        if method == "DELETE":
            deleted.append(ODD["id"])
            return in_json({}, 204)
        return in_json({"server": ODD})

    there = OpenStack(servers=[server(0), ODD, server(2)], before=before)
    with serving(there):
        arguments = {"ex_force_auth_url": there.url("/v3"), "ex_tenant_name": "physics"}
        pair = {"key": "ada", "secret": "env:TEST_PASSWORD"}
        yield make(provider="openstack", **pair, arguments=arguments)


def test_it_is_looked_at(cloud: LibcloudDriver) -> None:
    assert len(cloud.list_nodes(deadline=Deadline(20))) == 3
    node = cloud.get_node(node_id=ODD["id"], deadline=Deadline(20))
    assert (node.id, node.name) == (ODD["id"], "vm-1")


def test_it_is_destroyed(cloud: LibcloudDriver, deleted: list[str]) -> None:
    cloud.stop_vm(node_id=ODD["id"], deadline=Deadline(20))
    assert deleted == [ODD["id"]]
