"""Refused parts of a list: the item is shown with its known fields, or the list is an error.

Real drivers against providers on loopback.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import refused_parts
from any_host import Answer, Reply, Request
from refused_parts import Azure, Google

from orchestrator_core import (
    CloudError,
    CloudTimeout,
    CloudUnreachable,
    CredentialsRefused,
    Deadline,
    ImageFilter,
    InvalidAnswer,
    Node,
    OrchestratorError,
    RateLimited,
)
from orchestrator_libcloud import LibcloudDriver

Served = Callable[..., LibcloudDriver]

NIC, IP, VIEW = "/networkInterfaces/nic2", "/publicIPAddresses/ip2", "/vm2/InstanceView"
GONE = refused_parts.azure_error("ResourceNotFound", 404)
HIDDEN = refused_parts.azure_error("AuthorizationFailed", 403)
THROTTLED = refused_parts.azure_error("TooManyRequests", 429, ("Retry-After", "7"))


def listed(driver: LibcloudDriver, seconds: float = 20) -> dict[str, Node]:
    return {node.name: node for node in driver.list_nodes(deadline=Deadline(seconds))}


def refusing(part: str, reply: Reply) -> Callable[[Request], Reply | None]:
    return lambda request: reply if request.path.endswith(part) else None


@pytest.mark.parametrize("part", [NIC, IP, VIEW])
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (THROTTLED, RateLimited),
        (refused_parts.azure_error("ServerUnavailable", 503), CloudUnreachable),
        (refused_parts.azure_error("InternalError", 500), CloudError),
        (refused_parts.azure_error("AnotherOperationInProgress", 409), Exception),
        (refused_parts.azure_error("InvalidAuthenticationToken", 401), CredentialsRefused),
        (refused_parts.page_of_a_proxy(503), CloudUnreachable),
        (refused_parts.page_of_a_proxy(404), InvalidAnswer),
        (refused_parts.page_of_a_proxy(200), InvalidAnswer),
        (refused_parts.in_json({"error": "no route"}, 404), InvalidAnswer),
    ],
    ids=["429", "503", "500", "409", "401", "503 page", "404 page", "200 page", "404 of another"],
)
def test_azure_what_is_refused_is_an_error_of_the_list(
    served: Served, part: str, reply: Reply, error: type[Exception]
) -> None:
    azure = Azure(refuse=refusing(part, reply))
    with pytest.raises(error):
        listed(served("azure_arm", azure))
    # The plugin sends no more requests to a provider that limits the rate.
    assert azure.seen[-1].endswith(part)


def test_azure_says_how_long_to_wait(served: Served) -> None:
    with pytest.raises(RateLimited) as caught:
        listed(served("azure_arm", Azure(refuse=refusing(NIC, THROTTLED))))
    assert (caught.value.retry_after, caught.value.transient) == (7, True)


@pytest.mark.parametrize("reply", [GONE, HIDDEN], ids=["404", "403"])
@pytest.mark.parametrize(
    ("part", "addresses", "state"),
    [
        (NIC, ([], []), "running"),
        (IP, ([], ["10.0.0.2"]), "running"),
        (VIEW, (["198.51.100.2"], ["10.0.0.2"]), "unknown"),
    ],
)
def test_azure_shows_a_vm_without_what_is_gone(
    served: Served, reply: Reply, part: str, addresses: Any, state: str
) -> None:
    nodes = listed(served("azure_arm", Azure(refuse=refusing(part, reply))))
    node = nodes["vm2"]
    assert ((node.public_ips, node.private_ips), node.state.value) == (addresses, state)
    assert nodes["vm1"].public_ips == ["198.51.100.1"]


def test_azure_shows_every_address_of_every_nic(served: Served) -> None:
    public = {"id": f"{refused_parts.NETWORK}/publicIPAddresses/ip7"}
    two = [
        {"properties": {"privateIPAddress": "10.0.0.9"}},
        {"properties": {"privateIPAddress": "fd00::9", "publicIPAddress": public}},
    ]
    azure = Azure(nics={"1": {"ipConfigurations": two}, "2": {"ipConfigurations": []}})
    nodes = listed(served("azure_arm", azure))
    assert nodes["vm1"].public_ips == ["198.51.100.7"]
    assert nodes["vm1"].private_ips == ["10.0.0.9", "fd00::9"]
    assert (nodes["vm2"].public_ips, nodes["vm2"].private_ips) == ([], [])


def test_azure_shows_a_vm_without_a_network_profile(served: Served) -> None:
    assert listed(served("azure_arm", Azure(without_profile=True))).keys() == {"vm1", "vm2"}


def _regional(number: int) -> dict[str, Any]:
    return refused_parts.disk(
        number, region=refused_parts.REGION, replicaZones=[refused_parts.ZONE]
    )


@pytest.mark.parametrize(
    ("google", "images"),
    [
        (Google(), ["debian-1", "debian-2"]),
        (
            Google(
                disks={
                    "zones/europe-west1-b": {
                        "disks": [refused_parts.disk(1, zone=refused_parts.ZONE)]
                    }
                }
            ),
            1,
        ),
        (Google(disks={"zones/europe-west1-b": {"warning": {"code": "NO_RESULTS_ON_PAGE"}}}), 0),
        (
            Google(
                instances=[
                    refused_parts.instance(1),
                    refused_parts.instance(2, refused_parts.REGION),
                ],
                disks={
                    "zones/europe-west1-b": refused_parts.both_disks(),
                    "regions/europe-west1": {"disks": [_regional(2) | {"sourceImage": "x/mine"}]},
                },
            ),
            ["debian-1", "mine"],
        ),
        (Google(instances=[refused_parts.instance(1), refused_parts.instance(2, disks=None)]), 1),
        (
            Google(
                disks={
                    "zones/europe-west1-b": {"disks": [{"name": "d1", "zone": refused_parts.ZONE}]}
                }
            ),
            0,
        ),
    ],
    ids=["whole", "one disk missing", "no disks", "regional", "without disks", "an odd disk"],
)
def test_google_shows_every_instance(served: Served, google: Google, images: Any) -> None:
    nodes = listed(served("gce", google))
    assert list(nodes) == ["vm-1", "vm-2"]
    found = [node.extra["image"] for node in nodes.values() if node.extra["image"]]
    assert found == images or len(found) == images
    # The plugin lists the disks once, however many are missing.
    assert [path for _, path in google.seen if path.endswith("/disks")] == [
        "/compute/v1/projects/p/aggregated/disks"
    ]


@pytest.mark.parametrize("code", ["UNREACHABLE", "LIST_OVERHEAD_QUOTA_EXCEED", "PARTIAL_SUCCESS"])
def test_google_a_zone_with_a_warning_is_no_short_list(served: Served, code: str) -> None:
    with pytest.raises(CloudError, match="A part of the cloud cannot be reached") as caught:
        listed(served("gce", Google(warning={"warning": {"code": code}})))
    assert caught.value.transient


@pytest.mark.parametrize("part", ["/aggregated/instances", "/aggregated/disks", "/zones"])
@pytest.mark.parametrize(
    "reply",
    [
        refused_parts.google_error("notFound", 404),
        refused_parts.google_error("rateLimitExceeded", 403),
        refused_parts.google_error("backendError", 503),
        refused_parts.page_of_a_proxy(404),
    ],
    ids=["404", "403", "503", "404 page"],
)
def test_google_a_refused_list_is_an_error(served: Served, part: str, reply: Reply) -> None:
    with pytest.raises(CloudError):
        listed(served("gce", Google(refuse=refusing(part, reply))))


def test_google_destroys_an_instance_whose_disk_is_not_listed(served: Served) -> None:
    google = Google(disks={"zones/europe-west1-b": {"disks": []}})
    driver = served("gce", google)
    driver.stop_vm(node_id="2", deadline=Deadline(20))
    assert [path.rpartition("/")[2] for method, path in google.seen if method == "DELETE"] == [
        "vm-2"
    ]
    assert listed(driver).keys() == {"vm-1"}


@pytest.mark.parametrize(
    ("reply", "passed"),
    [
        (refused_parts.google_error("notFound", 404), True),
        (refused_parts.google_error("forbidden", 403), True),
        (refused_parts.google_error("rateLimitExceeded", 403), False),
        (refused_parts.google_error("quotaExceeded", 403), False),
        (refused_parts.google_error("backendError", 503), False),
        (refused_parts.page_of_a_proxy(404), False),
    ],
    ids=["404", "forbidden", "limited", "quota", "503", "404 page"],
)
def test_google_passes_over_a_project_of_images_that_is_closed_or_gone(
    served: Served, reply: Reply, passed: object
) -> None:
    def images(request: Request) -> Reply:
        if "/projects/p/" in request.path:
            return refused_parts.in_json(
                {"items": [{"id": "9", "name": "mine", "status": "READY"}]}
            )
        return reply

    driver = served("gce", images)
    if passed:
        assert [
            image.name for image in driver.list_images(filters=ImageFilter(), deadline=Deadline(20))
        ] == ["mine"]
        return
    with pytest.raises(OrchestratorError):
        driver.list_images(filters=ImageFilter(), deadline=Deadline(20))


def test_google_shows_a_public_image_without_a_name(served: Served) -> None:
    def images(request: Request) -> Reply:
        name = {} if "debian-cloud" in request.path else {"name": "n"}
        return refused_parts.in_json({"items": [{"id": "1", "status": "READY", **name}]})

    names = {
        image.name
        for image in served("gce", images).list_images(filters=ImageFilter(), deadline=Deadline(20))
    }
    assert names == {"n", "1"}


def _upcloud(second: Answer) -> Answer:
    short = [{"uuid": f"u{n}", "title": f"vm-{n}", "state": "started"} for n in (1, 2)]
    address = {"access": "utility", "address": "10.1.0.1", "family": "IPv4"}
    more = {"ip_addresses": {"ip_address": [address]}, "vnc_password": "s3cret-vnc"}

    def answer(request: Request) -> Reply:
        if request.path.endswith("/server"):
            return refused_parts.in_json({"servers": {"server": short}})
        if request.path.endswith("/u2"):
            return second(request)
        return refused_parts.in_json({"server": {**short[0], **more}})

    return answer


def test_upcloud_shows_a_server_that_is_gone_meanwhile_as_the_list_has_it(served: Served) -> None:
    gone = refused_parts.in_json(
        {"error": {"error_code": "SERVER_NOT_FOUND", "error_message": "m"}}, 404
    )
    nodes = listed(served("upcloud", _upcloud(lambda _: gone)))
    assert [(n.id, n.state.value, n.private_ips) for n in nodes.values()] == [
        ("u1", "running", ["10.1.0.1"]),
        ("u2", "running", []),
    ]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_upcloud_a_server_that_is_refused_is_an_error(served: Served, status: int) -> None:
    error = refused_parts.in_json({"error": {"error_code": "X", "error_message": "m"}}, status)
    with pytest.raises(CloudError):
        listed(served("upcloud", _upcloud(lambda _: error)))


def test_a_request_that_breaks_off_in_the_middle(served: Served) -> None:
    cut = Reply(b"{", 200, (*refused_parts.JSON, ("Content-Length", "100")))
    with pytest.raises(CloudError):
        listed(served("azure_arm", Azure(refuse=refusing(NIC, cut))))


def test_a_deadline_in_the_middle(served: Served) -> None:
    def slow(request: Request) -> Reply | None:
        if request.path.endswith((NIC, VIEW)):
            time.sleep(1.5)
        return None

    with pytest.raises(CloudTimeout):
        listed(served("azure_arm", Azure(refuse=slow)), seconds=1.0)
