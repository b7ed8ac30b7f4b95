"""The OpenStack project of the tests of starts, and its Nova on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from nova_create import Project
from openstack_cloud import OpenStack, flavor, image, serving

IMAGE: Final = "11111111-0000-4000-8000-000000000001"
NETS: Final = {
    "22222222-0000-4000-8000-000000000001": "lab",
    "22222222-0000-4000-8000-000000000002": "storage",
}
LAB, STORAGE = NETS
GROUPS: Final = {
    "33333333-0000-4000-8000-000000000001": "web",
    "33333333-0000-4000-8000-000000000002": "ssh",
    "33333333-0000-4000-8000-000000000003": "twice",
    "33333333-0000-4000-8000-000000000004": "twice",
}
VOLUME: Final = "44444444-0000-4000-8000-000000000001"


def project() -> Project:
    return Project(
        images={IMAGE},
        flavors={"1", "2"},
        networks=dict(NETS),
        groups=dict(GROUPS),
        volumes={VOLUME},
        keypairs={"ann"},
        server_groups={VOLUME},
        min_disks={IMAGE: 2},
        disks={"1": 1, "2": 20},
    )


@contextmanager
def serving_nova() -> Iterator[OpenStack]:
    """Serve the project's cloud."""
    debian = image(1) | {"id": IMAGE, "name": "debian", "min_disk": 2}
    flavors = [flavor(1), flavor(2)]
    with serving(OpenStack(project=project(), images=[debian], flavors=flavors)) as cloud:
        yield cloud


def created(nova: OpenStack) -> dict[str, Any]:
    """Return the only server that was created, as its request describes it."""
    (body,) = nova.created
    server: dict[str, Any] = body["server"]
    return server
