"""Paths and methods that are not served: documented refusals."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from orchestrator_core.api.services import Services
from orchestrator_core.api.v1.routes import routes

WRONG_CLOUD = {
    "message": "Cloud not valid or wrong path",
    "status": "error",
    "status_code": 500,
    "status_long_message": "Server got itself in trouble",
    "status_short_message": "Internal Server Error",
}
SERVED = {
    "": "GET",
    "/nodes": "GET",
    "/images": "GET",
    "/sizes": "GET",
    "/flavors": "GET",
    "/vm/start": "POST",
    "/vm/stop": "PUT",
    "/vm/action/assign": "PUT",
    "/vm/action/release": "PUT",
    "/vm/action/renew": "PUT",
    "/vm/action/reboot": "PUT",
    "/vm/action/poweron": "PUT",
    "/vm/action/poweroff": "PUT",
    "/vm/action/explode": "",
    "/locations": "GET",
    "/vm/status": "GET",
    "/cloud": "GET",
    "/auth": "",
    "/nodes/fake_driver/1": "GET",
    "/openapi.json": "GET",
}
VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "FOO"]


@pytest.mark.parametrize(
    "cloud",
    [
        b"wrong_driver",
        b"a%2Fb",
        b"..",
        b"%2e%2e",
        b".",
        b"%00",
        b"%ff",
        b"%0a",
        b"%20",
        b"%zz",
        b"a" * 65,
        b"a" * 3000,
        b"%E2%82%AC",
        b"fake_driver%00",
        b"FAKE_DRIVER",
    ],
)
@pytest.mark.parametrize("route", [b"/nodes/", b"/images/", b"/sizes/"])
def test_a_cloud_that_is_none(raw: Any, route: bytes, cloud: bytes) -> None:
    if b"%2F" in cloud:
        assert raw.get(b"/api/v1" + route + cloud).error()["status_code"] == 404
        return
    assert raw.get(b"/api/v1" + route + cloud).error() == WRONG_CLOUD


def test_a_cloud_s_name_of_10_000_characters(raw: Any) -> None:
    error = raw.get(b"/api/v1/nodes/" + b"a" * 10_000).error()
    assert (error["status_code"], error["error_code"]) == (414, "uri_too_long")


@pytest.mark.parametrize(
    "path",
    [b"/docs/x", b"/api", b"/api/", b"/api/v3/nodes", b"/api/v0/nodes", b"/api/v1/x", b"/nodes"],
)
@pytest.mark.parametrize("method", [b"GET", b"POST", b"FOO", b"OPTIONS"])
def test_a_path_that_leads_nowhere(raw: Any, path: bytes, method: bytes) -> None:
    error = raw.get(path, method).error()
    assert (error["status_code"], error["error_code"]) == (404, "not_found")


@pytest.mark.parametrize("path", SERVED)
def test_every_method_that_a_route_does_not_serve(raw: Any, path: str) -> None:
    for verb in VERBS:
        if verb != SERVED[path]:
            error = raw.get(f"/api/v1{path}".encode(), verb.encode()).error()
            assert (error["status_code"], error["message"]) == (501, "Not implemented"), verb


@pytest.mark.parametrize("path", [path for path, verb in SERVED.items() if verb == "GET"])
def test_head_is_get_without_a_body_and_a_final_slash_is_ignored(raw: Any, path: str) -> None:
    got = raw.get(f"/api/v1{path}".encode())
    slashed = raw.get(f"/api/v1{path}/?a=b".encode())
    assert (slashed.status, slashed.body) == (got.status, got.body)
    with socket.create_connection(raw.address, timeout=10) as connection:
        connection.sendall(
            f"HEAD /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % got.status)
    assert b"content-length: %d" % len(got.body) in head.lower()
    assert body == b""


@pytest.mark.parametrize("path", SERVED)
def test_options_tells_what_is_served(raw: Any, path: str) -> None:
    answer = raw.get(f"/api/v1{path}".encode(), b"OPTIONS")
    served = {SERVED[path], "OPTIONS", *(["HEAD"] if SERVED[path] == "GET" else [])} - {""}
    assert answer.status == 200
    assert set(answer.headers["allow"].split(", ")) == served


def test_options_of_the_whole_server(raw: Any) -> None:
    assert "OPTIONS" in raw.get(b"*", b"OPTIONS").headers["allow"]


def test_every_route_is_in_the_table_above() -> None:
    services: Any = Services(*[None] * 5)  # type: ignore[arg-type]
    known = {path.replace("{action}", "explode") for path, _ in routes(services)}
    plain = {path for path in known if "{cloud}" not in path}
    assert plain == {path for path in SERVED if path != "/nodes/fake_driver/1"}


def test_a_body_on_get_is_ignored(raw: Any) -> None:
    request = b"GET /api/v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nxyz"
    with socket.create_connection(raw.address, timeout=10) as connection:
        connection.sendall(request + b"GET /api/v1/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while received.count(b"HTTP/1.1 200") < 2:
            chunk = connection.recv(65536)
            assert chunk, received
            received += chunk


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"get /api/v1/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n", 400),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_gunicorn_refuses_before_the_application_sees_it(
    raw: Any, request_: bytes, status: int
) -> None:
    answer = raw(request_)
    error = answer.error()
    assert answer.status == status
    assert error["error_code"] in ("malformed_request", "headers_too_large")
    assert answer.headers["connection"] == "close"


def test_an_id_with_slashes_reaches_the_cloud(raw: Any) -> None:
    error = raw.get(b"/api/v1/nodes/fake_driver/subscriptions%2F1/vm/7").error()
    assert error["message"] == "There is no node 'subscriptions/1/vm/7'"


def test_the_request_id_comes_back(raw: Any) -> None:
    answer = raw(b"GET /api/v1/ HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: mine-1\r\n\r\n")
    assert answer.headers["x-request-id"] == "mine-1"
    strange = raw(b"GET /api/v1/ HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a b\r\n\r\n")
    assert strange.headers["x-request-id"] not in ("a b", "")
    assert json.loads(strange.body) == {"status": "ok"}
