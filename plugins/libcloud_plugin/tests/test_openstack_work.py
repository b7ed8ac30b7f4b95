"""The requests and the work that one answer of an OpenStack takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openstack_cloud import Answer, OpenStack, fault, flavor, image, in_json, server, serving

from orchestrator_core import Deadline, InvalidAnswer, SizeNotFound
from orchestrator_core.app import create_app
from orchestrator_core.settings.load import load_settings
from orchestrator_libcloud import LibcloudDriver

Make = Callable[..., LibcloudDriver]
Get = Callable[[str], dict[str, Any]]

FLAVORS = 300
SERVERS = 250


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenStack]:
    monkeypatch.setenv("TEST_PASSWORD", "p")
    cloud = OpenStack(
        servers=[server(number) for number in reversed(range(SERVERS))],
        flavors=[flavor(number) for number in range(1, FLAVORS + 1)],
        images=[image(number) for number in range(120)] + [image(500, "queued")],
    )
    with serving(cloud):
        yield cloud


@pytest.fixture
def cloud(make: Make, there: OpenStack) -> LibcloudDriver:
    arguments = {"ex_force_auth_url": there.url("/v3"), "ex_tenant_name": "physics"}
    pair = {"key": "ada", "secret": "env:TEST_PASSWORD"}
    return make(provider="openstack", **pair, arguments=arguments)


@pytest.fixture
def get(there: OpenStack, tmp_path: Path) -> Get:
    """Request the API in front of that cloud, and return its answer."""
    file = tmp_path / "orchestrator.toml"
    file.write_text(
        '[clouds.os]\ndriver = "libcloud"\nprovider = "openstack"\nkey = "ada"\n'
        'secret = "env:TEST_PASSWORD"\n[clouds.os.arguments]\nex_tenant_name = "physics"\n'
        f'ex_force_auth_url = "{there.url("/v3")}"\n'
    )
    app: Any = create_app(load_settings(file, {}))

    async def send(path: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(f"/api{path}", timeout=30)

    def ask(path: str) -> dict[str, Any]:
        answer = asyncio.run(send(path))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return ask


def test_a_list_of_flavors_reads_no_prices(
    cloud: LibcloudDriver, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(**_: Any) -> str:
        pytest.fail("the table of prices was read")

    monkeypatch.setattr("libcloud.pricing.get_pricing_file_path", never)
    begun = time.process_time()
    assert len(cloud.list_sizes(deadline=deadline)) == FLAVORS
    assert time.process_time() - begun < 2  # It took 16 s with Libcloud's price table.


def test_one_size_is_asked_for_alone(
    cloud: LibcloudDriver, there: OpenStack, deadline: Deadline
) -> None:
    assert cloud.get_size(size_id="7", deadline=deadline).ram == 7 * 512
    assert there.seen == ["GET /v2.1/flavors/7"]
    with pytest.raises(SizeNotFound):
        cloud.get_size(size_id="m1.7", deadline=deadline)


def test_a_size_that_is_not_found_is_looked_for_in_the_list(
    cloud: LibcloudDriver, there: OpenStack, deadline: Deadline
) -> None:
    there.before = lambda _, path, __: (
        fault(404, "no route") if path.endswith("/flavors/7") else None
    )
    assert cloud.get_size(size_id="7", deadline=deadline).id == "7"


def test_locations_are_the_zones_that_can_be_used(
    cloud: LibcloudDriver, there: OpenStack, deadline: Deadline
) -> None:
    there.zones = [
        {"zoneName": "nova", "zoneState": {"available": True}, "hosts": None},
        {"zoneName": "broken", "zoneState": {"available": False}, "hosts": None},
        {"zoneName": "édge", "zoneState": None},
    ]
    found = cloud.list_locations(deadline=deadline)
    assert [(one.id, one.name, one.country) for one in found] == [
        ("nova", "nova", None),
        ("édge", "édge", None),
    ]
    there.zones = None
    with pytest.raises(InvalidAnswer):
        cloud.list_locations(deadline=deadline)


V2 = "/v2/clouds/os"


def walk(get: Get, what: str, limit: int) -> Iterator[list[str]]:
    cursor = ""
    while True:
        answer = get(f"{V2}/{what}?limit={limit}{cursor}")
        yield [one["id"] for one in answer[what]]
        if answer["next"] is None:
            return
        cursor = f"&cursor={answer['next']}"


@pytest.mark.parametrize("limit", [1, 60, 100, 249, 250, 251, 1000])
def test_parts_of_a_list_put_together_are_the_list(get: Get, limit: int) -> None:
    whole = sorted(node["id"] for node in get("/v1/nodes/os")["nodes"])
    walked = []
    for part in walk(get, "nodes", limit):
        walked += part
        if limit == 1 and len(walked) == 7:
            break
    assert walked == whole[: len(walked)]
    assert len(walked) in (7, SERVERS)


def test_a_part_is_asked_for_and_not_the_whole_list(get: Get, there: OpenStack) -> None:
    get("/v1/nodes/os")
    get(f"{V2}/nodes?limit=5")  # of 100, whose order shows that the cloud sorts
    there.seen.clear()
    part = get(f"{V2}/nodes?limit=5")
    get(f"{V2}/nodes?limit=5&cursor={part['next']}")
    first, second = there.seen
    assert first == "GET /v2.1/servers/detail?sort_key=uuid&sort_dir=asc&limit=6"
    assert second == f"{first}&marker={part['nodes'][-1]['id']}"


@pytest.mark.parametrize("knows_status", ["yes", "no"])
def test_images_that_cannot_be_used_are_in_no_part(
    get: Get, there: OpenStack, knows_status: str
) -> None:
    def without_status(*asked: Any) -> Answer | None:
        asked[2].pop("status", None)
        return None

    if knows_status == "no":
        there.before = without_status
    walked = [one for part in walk(get, "images", 50) for one in part]
    assert walked == sorted(image(number)["id"] for number in range(120))


def test_a_marker_that_is_gone(get: Get, there: OpenStack) -> None:
    for _ in range(3):
        part = get(f"{V2}/nodes?limit=5")
    marker = part["nodes"][-1]["id"]

    def gone(_: str, path: str, query: dict[str, str]) -> Answer | None:
        is_gone = query.get("marker") == marker and path.endswith("/detail")
        body = {"badRequest": {"code": 400, "message": f"marker [{marker}] not found"}}
        return in_json(body, 400) if is_gone else None

    there.before = gone
    there.servers = [one for one in there.servers if one["id"] != marker]
    after = get(f"{V2}/nodes?limit=2&cursor={part['next']}")["nodes"]
    assert [one["id"] for one in after] == [server(5)["id"], server(6)["id"]]


@pytest.mark.parametrize("page", [7, 1000])
def test_a_cloud_that_does_not_sort_is_asked_for_everything(
    get: Get, there: OpenStack, page: int
) -> None:
    def unsorted(_: str, path: str, query: dict[str, str]) -> Answer | None:
        if not path.endswith("/servers/detail"):
            return None
        size = min(page, int(query.get("limit", "1000")))
        at = (
            [one["id"] for one in there.servers].index(query["marker"]) + 1
            if "marker" in query
            else 0
        )
        found = there.servers[at : at + size]
        more = at + size < SERVERS
        link = [{"rel": "next", "href": f"http://h/?marker={found[-1]['id']}"}] if more else []
        return in_json({"servers": found, "servers_links": link})

    there.before = unsorted
    whole = sorted(one["id"] for one in there.servers)
    walked = [one for part in walk(get, "nodes", 60) for one in part]
    assert walked == whole


def test_a_short_list_comes_in_one_request(get: Get, there: OpenStack) -> None:
    there.servers = there.servers[:30]
    get("/v1/nodes/os")
    there.seen.clear()
    walked = [one for part in walk(get, "nodes", 10) for one in part]
    assert walked == sorted(one["id"] for one in there.servers)
    assert len(there.seen) == 3


def test_a_part_with_an_item_without_an_id_names_it(
    cloud: LibcloudDriver, there: OpenStack, deadline: Deadline
) -> None:
    servers = [{**one, "name": f"n{at}"} for at, one in enumerate(there.servers[:30])]
    del servers[7]["id"]
    there.before = lambda _, path, __: (
        in_json({"servers": servers}) if path.endswith("/servers/detail") else None
    )
    with pytest.raises(InvalidAnswer, match=r"node 8 'n7'.*id is missing"):
        cloud.page_nodes(limit=10, marker=None, deadline=deadline)
