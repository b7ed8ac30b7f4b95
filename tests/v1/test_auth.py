"""Authentication, and the order of a request's checks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import loopback

SETTINGS = """
default_cloud = "fake_driver"
[auth]
mode = "token"
[auth.tokens]
ops = "env:OPS_TOKEN"
lab = "file:lab-token"
[clouds.fake_driver]
driver = "dummy"
"""
OPS, LAB = "the-token-of-ops-in-these-tests", "the-token-of-lab-in-these-tests"


@pytest.fixture
def client(serve: Any, tmp_path: Path) -> Iterator[httpx2.Client]:
    (tmp_path / "lab-token").write_text(LAB + "\n")
    server = serve(SETTINGS, environment={"OPS_TOKEN": OPS})
    with loopback.client(f"{server.url}/api/v1") as http:
        yield http
    assert OPS not in server.log()
    assert LAB not in server.log()


def test_who_is_let_in(client: httpx2.Client) -> None:
    for headers in (
        {"Authorization": f"Bearer {OPS}"},
        {"Authorization": f"bearer {OPS}"},
        {"X-Auth-Token": OPS},
        {"X-Auth-Token": LAB},
    ):
        assert client.get("/nodes", headers=headers).status_code == 200, headers
    wrongs: list[dict[str, Any]] = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": OPS},
        {"Authorization": f"Basic {OPS}"},
        {"Authorization": f"Bearer {OPS}x"},
        {"Authorization": f"Bearer {OPS[:-1]}"},
        {"Authorization": "Basic x", "X-Auth-Token": OPS},
        {"X-Auth-Token": ""},
        {"X-Auth-Token": b"\xe9\xff"},
    ]
    for wrong in wrongs:
        response = client.get("/nodes", headers=wrong)
        error = response.json()
        assert (response.status_code, error["status_code"]) == (401, 401), wrong
        assert error["error_code"] == "unauthenticated"
        assert error["status_short_message"] == "Unauthorized"
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_checks_come_in_their_order(client: httpx2.Client) -> None:
    """Path, method, caller, cloud, body: the later ones are wrong too."""
    known = {"X-Auth-Token": OPS}
    assert client.request("FOO", "/nowhere").status_code == 404
    assert client.delete("/vm/stop/no-such-cloud").status_code == 501
    assert client.put("/vm/action/explode/no-such-cloud").status_code == 501
    assert client.put("/vm/stop/no-such-cloud", content=b"{").status_code == 401
    assert client.put("/vm/stop/no-such-cloud", content=b"{", headers=known).status_code == 500
    assert client.put("/vm/stop", content=b"{", headers=known).status_code == 415
    # Accounts do not exist yet, so that the answer needs no token.
    assert client.post("/auth", json={"username": "a", "password": "b"}).status_code == 501


def test_a_token_that_is_not_ascii(serve: Any, tmp_path: Path) -> None:
    (tmp_path / "lab-token").write_text("schlüssel\n", encoding="utf-8")
    weak = SETTINGS.replace("[auth]", "[auth]\nallow_weak_tokens = true")
    server = serve(weak, environment={"OPS_TOKEN": OPS})
    token = "schlüssel".encode()
    said = loopback.get(f"{server.url}/api/v1/nodes", headers={b"X-Auth-Token": token})
    assert said.status_code == 200
    said = loopback.get(f"{server.url}/api/v1/nodes", headers={b"X-Auth-Token": b"\xff\xfe"})
    assert said.status_code == 401


def test_a_token_file_that_every_user_can_read_is_warned_of(serve: Any, tmp_path: Path) -> None:
    file = tmp_path / "lab-token"
    file.write_text(LAB)
    file.chmod(0o644)
    server = serve(SETTINGS, environment={"OPS_TOKEN": OPS})
    assert f"chmod 600 {file}" in server.log()


def test_failed_logins_are_logged_with_their_address_and_slowed_down(
    serve: Any, tmp_path: Path
) -> None:
    (tmp_path / "lab-token").write_text(LAB)
    server = serve(SETTINGS, environment={"OPS_TOKEN": OPS})
    with loopback.client(f"{server.url}/api/v1") as http:
        begun = time.monotonic()
        for _ in range(8):  # The last three answers are delayed by 0.1, 0.2 and 0.4 s.
            assert http.get("/nodes", headers={"X-Auth-Token": "guess"}).status_code == 401
        assert time.monotonic() - begun > 0.65
        assert http.get("/nodes", headers={"X-Auth-Token": OPS}).status_code == 200
    lines = [line for line in server.log().splitlines() if "login failed" in line]
    assert len(lines) == 8
    assert all("address=127.0.0.1" in line and "guess" not in line for line in lines)
