"""Who is let in, and in which order a request is checked."""

from __future__ import annotations

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
OPS, LAB = "the-token-of-ops", "the-token-of-lab"


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
    """Path, method, caller, cloud, body: with the later ones wrong too."""
    known = {"X-Auth-Token": OPS}
    assert client.request("FOO", "/nowhere").status_code == 404
    assert client.delete("/vm/stop/no-such-cloud").status_code == 501
    assert client.put("/vm/action/explode/no-such-cloud").status_code == 501
    assert client.put("/vm/stop/no-such-cloud", content=b"{").status_code == 401
    assert client.put("/vm/stop/no-such-cloud", content=b"{", headers=known).status_code == 500
    assert client.put("/vm/stop", content=b"{", headers=known).status_code == 415
    # Accounts do not exist yet: nobody needs a token to be told so.
    assert client.post("/auth", json={"username": "a", "password": "b"}).status_code == 501


def test_a_token_that_is_not_ascii(serve: Any, tmp_path: Path) -> None:
    (tmp_path / "lab-token").write_text("schlüssel\n", encoding="utf-8")
    server = serve(SETTINGS, environment={"OPS_TOKEN": OPS})
    token = "schlüssel".encode()
    said = loopback.get(f"{server.url}/api/v1/nodes", headers={b"X-Auth-Token": token})
    assert said.status_code == 200
    said = loopback.get(f"{server.url}/api/v1/nodes", headers={b"X-Auth-Token": b"\xff\xfe"})
    assert said.status_code == 401
