"""Examples of the API document, as the dummy cloud of a new server answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_CLOUD: Final = {"cloud_type": "Dummy Node Provider", "provider": "dummy"}


def _node(number: int, address: str, uuid: str) -> dict[str, Any]:
    return {
        **_CLOUD,
        "id": str(number),
        "name": f"dummy-{number}",
        "uuid": uuid,
        "state": 0,
        "public_ips": [address],
        "private_ips": [],
        "extra": {"foo": "bar"},
    }


def _image(number: int, name: str) -> dict[str, Any]:
    return {**_CLOUD, "id": str(number), "name": name}


def _size(number: int, name: str, ram: int, disk: int) -> dict[str, Any]:
    return {**_image(number, name), "ram": ram, "disk": disk, "cpu": 0}


NODES: Final[Mapping[str, Any]] = {
    "status": "ok",
    "nodes": [
        _node(1, "127.0.0.1", "2c183c20f71eb5732512d6cfe1f75ebc9d9bb4dd"),
        _node(2, "127.0.0.1", "46ff62f5eafc7837de6ec1450b8e0e608db06d7a"),
    ],
}
IMAGES: Final[Mapping[str, Any]] = {
    "status": "ok",
    "images": [_image(1, "Ubuntu 9.10"), _image(2, "Ubuntu 9.04"), _image(3, "Slackware 4")],
}
FLAVORS: Final[Mapping[str, Any]] = {
    "status": "ok",
    "flavors": [
        _size(1, "Small", 128, 4),
        _size(2, "Medium", 512, 16),
        _size(3, "Big", 4096, 32),
        _size(4, "XXL Big", 8192, 128),
    ],
}
START: Final[Mapping[str, Any]] = {"name": "cloud_test", "image": "1", "size": "1"}
STARTED: Final[Mapping[str, Any]] = {
    "status": "ok",
    "nodes": _node(3, "127.0.0.3", "aef321fde331680846014b121ff377dcb8477731"),
}
ASSIGN: Final[Mapping[str, Any]] = {
    "emulate": "True",
    "node": "fake_id",
    "user": "fake_user",
    "vm_type": "app_name",
}
RELEASE: Final[Mapping[str, Any]] = {"emulate": "True", "node": "fake_id"}
EMULATED: Final[Mapping[str, Any]] = {
    "status": "ok",
    "id": 42,
    "id_vm": "-fake_id-",
    "result": "Node -fake_id- assigned",
}
