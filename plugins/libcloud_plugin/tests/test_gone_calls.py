"""Calls about one VM whose provider answers that the VM, or something else, does not exist."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from any_host import Reply, Request, any_host
from json_clouds import _product, _scaled
from storm_clouds import Answer, DigitalOcean, OpenStack, in_json

from orchestrator_core import (
    CloudError,
    Deadline,
    Image,
    ImageNotFound,
    NodeNotFound,
    QuotaExceeded,
    Size,
    StartRequest,
)
from orchestrator_libcloud import LibcloudDriver

LOST = in_json({"message": "Not Found"}, 404)
PAGE = Reply(b"<html><h1>404 Not Found</h1></html>", 404, (("Content-Type", "text/html"),))
REQUEST = StartRequest("web", Image("i", "i"), Size("s", "s"), marker="0a1b2c3d4e5f-" + "0" * 32)

Serve = Callable[..., LibcloudDriver]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def serve(
    make: Callable[..., LibcloudDriver],
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Serve]:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    with ExitStack() as stack:

        def _serve(answer: Answer, **settings: Any) -> LibcloudDriver:
            port = stack.enter_context(any_host(answer, authority))
            proxied = {"proxy": f"http://127.0.0.1:{port}", "ca_file": str(ca_file)}
            return make(key="k", **proxied, **settings)

        yield _serve


class Droplets:
    """A DigitalOcean that answers some requests wrongly.

    Attributes:
        wrong: replies by method and path.
    """

    def __init__(self) -> None:
        self.cloud = DigitalOcean()
        self.wrong: dict[tuple[str, str], Reply | Callable[[], Reply]] = {}

    def __call__(self, request: Request) -> Reply:
        found = self.wrong.get((request.method, request.path))
        if found is None:
            return self.cloud(request)
        return found if isinstance(found, Reply) else found()


@pytest.fixture
def droplets() -> Droplets:
    cloud = Droplets()
    for number in (1, 2):
        body = json.dumps({"name": f"vm-{number}", "tags": []}).encode()
        cloud(Request("POST", "/v2/droplets", {}, body))
    return cloud


@pytest.mark.parametrize("reply", [LOST, PAGE], ids=["JSON", "HTML"])
def test_a_deletion_that_finds_no_route_ends_no_vm(
    serve: Serve, droplets: Droplets, reply: Reply
) -> None:
    driver = serve(droplets, provider="digitalocean")
    droplets.wrong["DELETE", "/v2/droplets/1"] = reply
    with pytest.raises(CloudError):
        driver.stop_vm(node_id="1", deadline=Deadline(10))
    assert droplets.cloud.vms.ids() == {"1", "2"}


def test_a_vm_that_went_meanwhile_is_gone(serve: Serve, droplets: Droplets) -> None:
    driver = serve(droplets, provider="digitalocean")

    def gone() -> Reply:
        droplets.cloud.vms.remove("1")
        return LOST

    droplets.wrong["DELETE", "/v2/droplets/1"] = gone
    with pytest.raises(NodeNotFound):
        driver.stop_vm(node_id="1", deadline=Deadline(10))


def test_a_list_that_breaks_before_it_agrees_proves_nothing(
    serve: Serve, droplets: Droplets
) -> None:
    driver = serve(droplets, provider="digitalocean")

    def gone() -> Reply:
        droplets.wrong["GET", "/v2/droplets"] = in_json({"message": "down"}, 500)
        return LOST

    droplets.wrong["DELETE", "/v2/droplets/1"] = gone
    with pytest.raises(CloudError):
        driver.stop_vm(node_id="1", deadline=Deadline(10))


def test_an_image_is_missing_where_the_list_agrees(serve: Serve, droplets: Droplets) -> None:
    driver = serve(droplets, provider="digitalocean")
    droplets.wrong["GET", "/v2/images/i"] = droplets.wrong["GET", "/v2/images/j"] = LOST
    with pytest.raises(CloudError, match="contradicts itself"):
        driver.get_image(image_id="i", deadline=Deadline(10))
    with pytest.raises(ImageNotFound):
        driver.get_image(image_id="j", deadline=Deadline(10))


# --- a provider with a request for one VM ------------------------------------------------------


class Nova:
    """An OpenStack that may answer requests for one server, or lists, wrongly."""

    def __init__(self) -> None:
        self.port = 0
        self.cloud = OpenStack(lambda: self.port)
        self.look: Reply | None = None
        self.list: Reply | None = None

    def __call__(self, request: Request) -> Reply:
        is_list = request.path.endswith("/servers/detail")
        if request.method == "GET" and "/servers/" in request.path:
            wrong = self.list if is_list else self.look
            if wrong is not None:
                return wrong
        return self.cloud(request)


@pytest.fixture
def nova(
    make: Callable[..., LibcloudDriver], authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Nova, LibcloudDriver, str]]:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    cloud = Nova()
    with any_host(cloud, authority) as port:
        cloud.port = port
        arguments = {
            "ex_force_auth_url": f"http://127.0.0.1:{port}",
            "ex_force_auth_version": "3.x_password",
            "ex_tenant_name": "t",
            "ex_domain_name": "Default",
        }
        secrets = {"key": "k", "secret": "env:TEST_SECRET", "region": "RegionOne"}
        driver = make(provider="openstack", **secrets, arguments=arguments)
        node = driver.start_vm(request=REQUEST, deadline=Deadline(10))
        yield cloud, driver, node.id


@pytest.mark.parametrize(
    "reply",
    [
        LOST,
        PAGE,
        in_json(
            {"itemNotFound": {"code": 404, "message": "The resource could not be found."}}, 404
        ),
    ],
    ids=["JSON", "HTML", "Nova's, without the id"],
)
def test_a_look_that_names_no_server_is_held_against_the_list(
    nova: tuple[Nova, LibcloudDriver, str], reply: Reply
) -> None:
    cloud, driver, node_id = nova
    cloud.look = reply
    for ask in (driver.get_node, driver.stop_vm, driver.reboot_vm):
        with pytest.raises(CloudError):
            ask(node_id=node_id, deadline=Deadline(10))
    cloud.list = reply
    with pytest.raises(CloudError):
        driver.get_node(node_id=node_id, deadline=Deadline(10))
    cloud.list = None
    cloud.cloud.vms.remove(node_id)
    with pytest.raises(NodeNotFound):
        driver.get_node(node_id=node_id, deadline=Deadline(10))


def test_a_look_that_names_the_server_needs_no_list(
    nova: tuple[Nova, LibcloudDriver, str],
) -> None:
    cloud, driver, node_id = nova
    cloud.cloud.vms.remove(node_id)
    cloud.list = PAGE
    with pytest.raises(NodeNotFound):
        driver.get_node(node_id=node_id, deadline=Deadline(10))


# --- starts and deletions that take several requests -------------------------------------------


def scaleway(refused: str) -> Answer:
    """Return a Scaleway that refuses one of the two requests of a start."""
    made = {"creation_date": "2026-11-01T12:00:00Z", "modification_date": "2026-11-01T12:00:00Z"}
    image = {"id": "i", "name": "i", "arch": "x86", "organization": "o", **made}

    def answer(request: Request) -> Reply:
        last = request.path.rpartition("/")[2]
        if request.method == "POST" and last == refused:
            return in_json({"type": "invalid_request_error", "message": "quota exceeded"}, 403)
        if request.method == "POST":
            return in_json({"server": _scaled("web"), "task": {"id": "t"}}, 201)
        if "/products/" in request.path:
            room = {"volumes_constraint": {"min_size": 0, "max_size": 10**12}}
            return in_json({"servers": {"s": {**_product(), **room}}})
        return in_json({"image": image} if last == "i" else {"servers": []})

    return answer


@pytest.mark.parametrize(("refused", "nothing_done"), [("servers", True), ("action", False)])
def test_a_start_of_two_requests_says_which_was_refused(
    serve: Serve, refused: str, *, nothing_done: bool
) -> None:
    driver = serve(scaleway(refused), provider="scaleway", secret="env:TEST_SECRET")
    with pytest.raises(QuotaExceeded) as caught:
        driver.start_vm(request=REQUEST, deadline=Deadline(10))
    assert caught.value.nothing_done is nothing_done
