"""A server without tokens: only local names are served, and no page of another site."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import loopback
from tests.conftest import DUMMY, Server, running

START = {"name": "x", "image": "1", "size": "1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    toml = DUMMY + '[server]\nhosts = ["Vms.example"]\n'
    with running(toml, tmp_path_factory.mktemp("local")) as served:
        yield served


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:5050", 200),
        ("app.localhost", 200),
        ("orchestrator:5050", 200),
        ("orchestrator.:5050", 200),
        ("127.0.0.1", 200),
        ("127.9.9.9:80", 200),
        ("[::1]:5050", 200),
        ("vms.example:8443", 200),
        ("rebound.example", 403),
        ("localhost.example", 403),
        ("127.0.0.1.example", 403),
        ("10.0.0.1", 403),
        ("[2001:db8::1]", 403),
        ("0.0.0.0", 403),
        ("[::]", 403),
        ("localhost@rebound.example", 400),
    ],
)
def test_which_names_are_served(server: Server, host: str, status: int) -> None:
    answer = loopback.get(f"{server.url}/api/v1/nodes", headers={"Host": host})
    assert answer.status_code == status
    if status == 403:
        assert "[server] hosts" in answer.json()["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "{url}"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "{url}"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Origin": "http://["}, 403),
    ],
)
def test_a_change_for_a_page_of_another_site(
    server: Server, headers: dict[str, str], status: int
) -> None:
    given = {name: value.format(url=server.url) for name, value in headers.items()}
    answer = loopback.post(f"{server.url}/api/v1/vm/start", json=START, headers=given)
    assert answer.status_code == status


@pytest.mark.parametrize(("more", "mode"), [("", 0o660), ("socket_mode = 0o600\n", 0o600)])
def test_the_permissions_of_a_unix_socket(serve: Any, tmp_path: Path, more: str, mode: int) -> None:
    path = tmp_path / "socket"
    server = serve(f"{DUMMY}[server]\n{more}", bind=f"unix:{path}", up=False)
    server.wait_for_log("ASGI server listening")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_database_is_its_owners_alone(serve: Any, tmp_path: Path) -> None:
    serve(f'{DUMMY}[state]\nurl = "sqlite:///var/state.db"\n')
    folder = tmp_path / "var"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert "state.db" in modes
    assert set(modes.values()) == {0o600}
