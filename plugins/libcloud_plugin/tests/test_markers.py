"""Markers of the core on a node: returned as `marker`, and shown nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keeping_clouds
import pytest
import trustme
from any_host import any_host
from keeping_clouds import Keeping

from orchestrator_core import (
    CloudError,
    Deadline,
    Image,
    InvalidParameter,
    Node,
    NodeNotFound,
    Size,
    StartRequest,
    Unsupported,
)
from orchestrator_libcloud import LibcloudDriver

Start = Callable[[str], tuple[LibcloudDriver, Keeping]]

MARKER = f"0123456789ab-{'c0ffee' * 5}00"
OTHER = f"0123456789ab-{'c0ffee' * 5}01"
KEY = "orchestrator-marker"

APIS: dict[str, Any] = {
    "cloudscale": keeping_clouds.cloudscale,
    "digitalocean": keeping_clouds.digitalocean,
    "gce": keeping_clouds.google,
    "upcloud": keeping_clouds.upcloud,
}
_SAID = {
    "cloudscale": lambda body: body["tags"] == {KEY: MARKER},
    "digitalocean": lambda body: body["tags"] == [f"{KEY}:{MARKER}"],
    "gce": lambda body: body["metadata"]["items"] == [{"key": KEY, "value": MARKER}],
    "upcloud": lambda body: body["server"]["title"] == f"web-{MARKER}",
}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def start(
    make: Callable[..., LibcloudDriver],
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Start]:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    token = {"access_token": "t", "expire_time": "2099-01-01T00:00:00Z"}
    (tmp_path / "token").write_text(json.dumps(token))
    google = {"project": "mine", "auth_type": "IA", "credential_file": str(tmp_path / "token")}
    more: dict[str, dict[str, Any]] = {
        "gce": {"secret": "env:TEST_SECRET", "region": "zone-a", "arguments": google},
        "upcloud": {"secret": "env:TEST_SECRET"},
    }
    with ExitStack() as stack:

        def _start(provider: str) -> tuple[LibcloudDriver, Keeping]:
            cloud = Keeping(APIS[provider])
            port = stack.enter_context(any_host(cloud, authority))
            where = {"proxy": f"http://127.0.0.1:{port}", "ca_file": str(tmp_path / "ca.pem")}
            return make(provider=provider, key="k", **where, **more.get(provider, {})), cloud

        yield _start


def request(name: str = "web", marker: str | None = MARKER) -> StartRequest:
    return StartRequest(name, Image("i", "i"), Size("s", "s"), marker=marker)


def launch(driver: LibcloudDriver, *said: Any) -> Node:
    return driver.start_vm(request=request(*said), deadline=Deadline(20))


def listed(driver: LibcloudDriver) -> list[Node]:
    return driver.list_nodes(deadline=Deadline(20))


def found(driver: LibcloudDriver, marker: str) -> Node:
    return driver.find_node(marker=marker, deadline=Deadline(20))


@pytest.mark.parametrize("provider", APIS)
def test_it_comes_back_and_does_not_show(start: Start, provider: str) -> None:
    driver, cloud = start(provider)
    started = launch(driver)
    assert _SAID[provider](cloud.sent[0])
    launch(driver, "other", OTHER)
    launch(driver, "plain", None)

    everything = listed(driver)
    assert [(node.name, node.marker) for node in everything] == [
        ("web", MARKER),
        ("other", OTHER),
        ("plain", None),
    ]
    got = driver.get_node(node_id=started.id, deadline=Deadline(20))
    again = found(driver, MARKER)
    for node in (started, got, again):
        assert (node.id, node.name, node.marker) == (everything[0].id, "web", MARKER)
    for node in (started, got, again, *everything):
        assert KEY not in json.dumps([node.name, node.extra, node.secrets])
        assert "c0ffee" not in json.dumps([node.name, node.extra, node.secrets])
    with pytest.raises(NodeNotFound):
        found(driver, f"{MARKER[:-1]}f")


@pytest.mark.parametrize("provider", APIS)
def test_a_start_whose_answer_is_lost_is_found(start: Start, provider: str) -> None:
    driver, cloud = start(provider)
    cloud.loses = True
    with pytest.raises(CloudError):
        launch(driver)
    assert len(cloud.nodes) == 1
    assert found(driver, MARKER).id == listed(driver)[0].id


NO_MARKERS: tuple[Any, ...] = (
    None,
    [],
    f"{KEY}:x",
    [MARKER],
    [f"{KEY}{MARKER}"],
    [f"my-{KEY}:{MARKER}"],
    [f"{KEY}:"],
    [5, None, {}],
)


def test_tags_that_are_no_marker(start: Start) -> None:
    driver, cloud = start("digitalocean")
    for _ in NO_MARKERS:
        launch(driver)
    for node, tags in zip(cloud.nodes, NO_MARKERS, strict=True):
        node["tags"] = tags
    shown = listed(driver)
    assert [node.marker for node in shown] == [None] * len(NO_MARKERS)
    assert [node.extra["tags"] for node in shown] == list(NO_MARKERS)


NO_ENDINGS = (
    MARKER,
    f"-{MARKER}",
    f"web_{MARKER}",
    f"web-{MARKER}0",
    f"web-{MARKER[1:]}",
    f"web-{MARKER[:-1]}",
    f"web-{MARKER.upper()}",
    f"web-{MARKER.replace('c', 'g')}",
    f"web-{MARKER}\n",
    f"web-{MARKER} ",
)


def test_names_that_end_like_no_marker(start: Start) -> None:
    driver, cloud = start("upcloud")
    launch(driver)
    for name in NO_ENDINGS:
        cloud.nodes[0]["title"] = name
        (node,) = listed(driver)
        assert (node.name, node.marker) == (name, None)


def test_only_the_last_marker_of_a_name_is_one(start: Start) -> None:
    driver, _ = start("upcloud")
    launch(driver, f"web-{OTHER}")
    (node,) = listed(driver)
    assert (node.name, node.marker) == (f"web-{OTHER}", MARKER)


@pytest.mark.parametrize(
    ("name", "marker", "field"),
    [("x" * 210, MARKER, "name"), (f"web-{OTHER}", None, "name"), ("web", "short", "marker")],
)
def test_a_name_that_cannot_carry_it_starts_nothing(
    start: Start, name: str, marker: str | None, field: str
) -> None:
    driver, cloud = start("upcloud")
    with pytest.raises(InvalidParameter) as caught:
        launch(driver, name, marker)
    assert caught.value.field == field
    assert not cloud.nodes
    launch(driver, "x" * 209)
    assert len(cloud.sent[0]["server"]["title"]) == 255


def test_where_nothing_carries_it_a_node_starts_and_cannot_be_found(
    make: Callable[..., LibcloudDriver], deadline: Deadline
) -> None:
    driver = make(provider="dummy", key="k")
    wished = StartRequest("web", Image("1", "i"), Size("1", "s"), marker=MARKER)
    assert driver.start_vm(request=wished, deadline=deadline).marker is None
    why = driver.unsupported()["find_node"]
    assert why.startswith("Provider Dummy Node Provider keeps nothing with a node")
    with pytest.raises(Unsupported) as caught:
        driver.find_node(marker=MARKER, deadline=deadline)
    assert caught.value.message == why
