"""Lists of images with filters, by the plugin or by the core."""

from __future__ import annotations

import pytest

from orchestrator_core import CloudDescription, Deadline, Image, ImageFilter, hookimpl
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.errors import ImageNotFound, InvalidParameter
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind

IMAGES = [
    Image("i-1", "debian-12"),
    Image("i-2", "debian-13"),
    Image("i-3", "a.b"),
    Image("i-4", "debian-12"),
    Image("debian-13", "ubuntu\n24"),
]


_ONLY = {"owner": ("x", None), "architecture": (None, "x")}


class Plain:
    """A driver without filters."""

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("test", "Test")

    @hookimpl
    def list_images(self) -> list[Image]:
        return IMAGES


class Filtering:
    """A driver that passes filters to its cloud."""

    def __init__(self) -> None:
        self.asked: list[ImageFilter] = []

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("test", "Test")

    @hookimpl
    def list_images(self, filters: ImageFilter) -> list[Image]:
        self.asked.append(filters)
        return IMAGES[:1]


def driver(plugin: object) -> Driver:
    return Driver(Hooks(Kind.CLOUD, "Cloud test", plugin), Deadline(5))


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("debian-12", ["i-1", "i-4"]),
        ("debian-*", ["i-1", "i-2", "i-4"]),
        ("a.b", ["i-3"]),
        ("a?b", []),
        ("*24", ["debian-13"]),
        ("*b*a*n-1*2", ["i-1", "i-4"]),
        ("debian-12*12", []),
        ("*", [image.id for image in IMAGES]),
    ],
)
def test_the_core_filters_by_name_for_a_plugin_that_does_not(name: str, ids: list[str]) -> None:
    found = driver(Plain()).read("list_images", None, None, name, None, None)
    assert [image.id for image in found] == ids


@pytest.mark.parametrize("field", ["owner", "architecture"])
def test_other_filters_are_refused_then(field: str) -> None:
    with pytest.raises(InvalidParameter, match=f"{field}: Cloud test does not filter images by it"):
        driver(Plain()).read("list_images", None, None, None, *_ONLY[field])


def test_a_plugin_with_filters_gets_them() -> None:
    plugin = Filtering()
    driver(plugin).list_images(owner="self", architecture="arm64")
    driver(plugin).list_images()
    driver(plugin).list_images(limit=2, marker="i-0")
    assert plugin.asked == [ImageFilter(None, "self", "arm64"), ImageFilter(), ImageFilter()]


class Paging(Filtering):
    """A driver that passes filters to its cloud in parts too."""

    @hookimpl
    def page_images(self, filters: ImageFilter, limit: int, marker: str | None) -> list[Image]:
        assert (limit, marker) == (2, "i-0")
        self.asked.append(filters)
        return IMAGES[:2]


class PagingOnly(Filtering):
    """A driver whose parts have no filters."""

    @hookimpl
    def page_images(self, limit: int, marker: str | None) -> list[Image]:
        return IMAGES[2:4]


def test_a_plugin_whose_parts_take_filters_gets_them_with_the_part() -> None:
    plugin = Paging()
    found = driver(plugin).list_images(limit=2, marker="i-0", owner="self")
    assert found == IMAGES[:2]
    driver(plugin).list_images(limit=2, marker="i-0")
    assert plugin.asked == [ImageFilter(owner="self"), ImageFilter()]


def test_a_filtered_list_comes_whole_from_a_plugin_whose_parts_take_none() -> None:
    plugin = PagingOnly()
    assert driver(plugin).list_images(limit=2, marker="i-0", owner="self") == IMAGES[:1]
    assert plugin.asked == [ImageFilter(owner="self")]
    assert driver(plugin).list_images(limit=2, marker="i-0") == IMAGES[2:4]


def test_an_image_is_found_by_its_id_before_its_name() -> None:
    assert driver(Plain()).find_image("debian-13").id == "debian-13"
    assert driver(Plain()).find_image("a.b").id == "i-3"
    with pytest.raises(InvalidParameter, match=r"2 images are named 'debian-12'.*: i-1, i-4"):
        driver(Plain()).find_image("debian-12")
    with pytest.raises(ImageNotFound):
        driver(Plain()).find_image("nothing")
