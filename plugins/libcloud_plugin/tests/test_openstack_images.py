"""Filters of images, which Glance applies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx2
import pytest
from openstack_cloud import OpenStack, image, serving

from orchestrator_core import Deadline, Image, ImageFilter, InvalidParameter
from orchestrator_core.app import create_app
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.load import load_settings
from orchestrator_libcloud import LibcloudDriver

Make = Callable[..., LibcloudDriver]

ARMS = ImageFilter(owner="physics", architecture="aarch64")
NAMES = ["debian", "Debian", "ubuntu:24.04", "in:debian", "debian-12"]


def _image(number: int) -> dict[str, Any]:
    return image(
        number,
        id=f"image-{number:03}",
        name=NAMES[number % 5],
        owner=("physics", "chemistry")[number % 2],
        architecture=("x86_64", "aarch64")[number // 2 % 2],
    )


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenStack]:
    monkeypatch.setenv("TEST_PASSWORD", "p")
    queued = {**_image(602), "status": "queued"}
    images = [_image(number) for number in reversed(range(600))]
    with serving(OpenStack(images=[*images, queued])) as cloud:
        yield cloud


@pytest.fixture
def cloud(make: Make, there: OpenStack) -> LibcloudDriver:
    arguments = {"ex_force_auth_url": there.url("/v3"), "ex_tenant_name": "physics"}
    pair = {"key": "ada", "secret": "env:TEST_PASSWORD"}
    return make(provider="openstack", **pair, arguments=arguments)


def _ids(images: list[Image]) -> list[str]:
    return sorted(one.id for one in images)


def _wanted(filters: ImageFilter) -> list[str]:
    """Return the ids of the images that a filter selects."""
    return [
        one["id"]
        for one in map(_image, range(600))
        if filters.fits(one["name"])
        and filters.owner in (None, one["owner"])
        and filters.architecture in (None, one["architecture"])
    ]


def _queries(there: OpenStack) -> list[dict[str, str]]:
    """Return the queries for images since the last time."""
    found = [dict(parse_qsl(urlsplit(one).query)) for one in there.seen if "/v2/images" in one]
    there.seen.clear()
    return found


@pytest.mark.parametrize(
    ("filters", "sent"),
    [
        (ImageFilter(), {}),
        (ARMS, {"owner": "physics", "architecture": "aarch64"}),
        (ImageFilter("debian"), {"name": "debian"}),
        (ImageFilter("debian", "chemistry"), {"name": "debian", "owner": "chemistry"}),
        (ImageFilter("debian*", "physics"), {"owner": "physics"}),
        (ImageFilter("ubuntu:24.04"), {}),
        (ImageFilter("in:debian"), {}),
        (ImageFilter("no such image"), {"name": "no such image"}),
    ],
)
def test_glance_gets_the_filters_of_a_whole_list(
    cloud: LibcloudDriver,
    there: OpenStack,
    deadline: Deadline,
    filters: ImageFilter,
    sent: dict[str, str],
) -> None:
    assert _ids(cloud.list_images(filters=filters, deadline=deadline)) == _wanted(filters)
    assert _queries(there) == [sent]


def test_each_page_of_a_filtered_list_has_the_filters(
    cloud: LibcloudDriver, there: OpenStack, deadline: Deadline
) -> None:
    there.page = 25
    assert _ids(cloud.list_images(filters=ARMS, deadline=deadline)) == _wanted(ARMS)
    first, *others = _queries(there)
    assert first == {"owner": "physics", "architecture": "aarch64"}
    assert len(others) == len(_wanted(ARMS)) // 25
    for query in others:
        assert query.items() >= first.items()
        assert "marker" in query


def _walk(cloud: LibcloudDriver, filters: ImageFilter, limit: int) -> Iterator[list[str]]:
    """Yield the pages as the core requests and cuts them."""
    driver = Driver(Hooks(Kind.CLOUD, "Cloud os", cloud), Deadline(60))
    marker = None
    while True:
        given = (limit + 1, marker, filters.name, filters.owner, filters.architecture)
        ids = [one.id for one in driver.list_images(*given)]
        yield ids[:limit]
        if len(ids) <= limit:
            return
        marker = ids[limit - 1]


def test_glance_gets_the_filters_of_a_part(cloud: LibcloudDriver, there: OpenStack) -> None:
    whole: list[str] = []
    for part in _walk(cloud, ARMS, 20):
        whole += part
        (query,) = _queries(there)
        assert (query["owner"], query["architecture"]) == ("physics", "aarch64")
        assert (query["sort_key"], query["status"]) == ("id", "active")
    assert whole == _wanted(ARMS)


def test_a_page_of_the_api_takes_the_filters_to_glance(there: OpenStack, tmp_path: Path) -> None:
    file = tmp_path / "orchestrator.toml"
    file.write_text(
        '[clouds.os]\ndriver = "libcloud"\nprovider = "openstack"\nkey = "ada"\n'
        'secret = "env:TEST_PASSWORD"\n[clouds.os.arguments]\nex_tenant_name = "physics"\n'
        f'ex_force_auth_url = "{there.url("/v3")}"\n'
    )
    app: Any = create_app(load_settings(file, {}))

    async def send() -> Any:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            path = "/api/v2/clouds/os/images?owner=physics&architecture=aarch64&limit=7"
            first = (await client.get(path, timeout=30)).json()
            second = await client.get(f"{path}&cursor={quote(first['next'])}", timeout=30)
            return first, second.json()

    first, second = asyncio.run(send())
    found = [one["id"] for one in [*first["images"], *second["images"]]]
    assert found == _wanted(ARMS)[:14]
    one, two = _queries(there)
    assert one.items() >= {"limit": "100", "owner": "physics", "architecture": "aarch64"}.items()
    assert two.items() >= {"limit": "8", "marker": found[6], "owner": "physics"}.items()


@pytest.mark.parametrize("name", ["debian", "debian*", "ubuntu:24.04"])
def test_a_part_is_right_if_glance_cannot_compare_the_name(
    cloud: LibcloudDriver, there: OpenStack, name: str
) -> None:
    """Glance returns ``Debian`` for ``debian`` too, and cannot be asked for the other two."""
    filters = ImageFilter(name, "physics")
    driver = Driver(Hooks(Kind.CLOUD, "Cloud os", cloud), Deadline(60))
    part = driver.list_images(10, "image-100", *_words(filters))
    wanted = [one for one in _wanted(filters) if one > "image-100"]
    assert [one.id for one in part][:10] == wanted[:10]
    assert all(query["owner"] == "physics" for query in _queries(there))


def _words(filters: ImageFilter) -> tuple[str | None, str | None, str | None]:
    return filters.name, filters.owner, filters.architecture


@pytest.mark.parametrize("field", ["owner", "architecture"])
def test_providers_without_a_filter_refuse_it(make: Make, field: str, deadline: Deadline) -> None:
    dummy = make(provider="dummy", key="k")
    with pytest.raises(InvalidParameter, match=f"{field}: .* does not filter images by it"):
        dummy.list_images(filters=ImageFilter(**{field: "x"}), deadline=deadline)
