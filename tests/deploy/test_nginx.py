"""The shipped nginx configuration in a real nginx, in front of a real server."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx2
import pytest
import trustme

from tests.conftest import OPS_TOKEN, Server, running
from tests.nginx import nginx
from tests.pooler import free_port

ROOT: Final = Path(__file__).parents[2]
SHIPPED: Final = ROOT / "deploy" / "nginx" / "orchestrator.conf"
PAGE: Final = ROOT / "docs" / "howto" / "deploy-nginx.md"

HOST: Final = "clouds.example.org"
CLIENT: Final = "127.0.0.2"
"""An address of this machine that is not among the proxies which a server trusts by default."""

_SETTINGS: Final = """
default_cloud = "fake_driver"
[server]
bind = "unix:{folder}/socket"
[auth]
mode = "token"
tokens = {{ops = "env:OPS_TOKEN"}}
[state]
url = "sqlite:///orchestrator.db"
[clouds.fake_driver]
driver = "dummy"
"""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    toml = _SETTINGS.format(folder=folder)
    with running(toml, folder, {"OPS_TOKEN": OPS_TOKEN}, bind=f"unix:{folder}/socket") as server:
        yield server


@contextmanager
def in_front(folder: Path, shipped: str, authority: trustme.CA, socket: Path) -> Iterator[str]:
    """Run nginx with a configuration like the shipped one; yield its URL."""
    port = free_port()
    issued = authority.issue_cert(HOST)
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "nginx.pem")
    shipped = shipped.replace("listen 443 ", f"listen 127.0.0.1:{port} ")
    shipped = re.sub(r"/etc/nginx/orchestrator\.\w+", str(folder / "nginx.pem"), shipped)
    shipped = shipped.replace("/run/orchestrator/socket", str(socket))
    with nginx(folder, shipped, port):
        yield f"https://{HOST}:{port}"


@contextmanager
def client(url: str, authority: trustme.CA) -> Iterator[httpx2.Client]:
    """Yield a client at ``CLIENT`` that reaches the URL's port on this machine."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    transport = httpx2.HTTPTransport(verify=context, local_address=CLIENT, http2=False)
    port = url.rpartition(":")[2]
    with httpx2.Client(
        transport=transport,
        base_url=f"https://127.0.0.1:{port}",
        headers={"Host": HOST, "Authorization": f"Bearer {OPS_TOKEN}"},
        timeout=30,
    ) as one:
        one.event_hooks["request"] = [_name_the_server]
        yield one


def _name_the_server(request: httpx2.Request) -> None:
    request.extensions["sni_hostname"] = HOST


@pytest.fixture(scope="module")
def through(
    tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA, server: Server
) -> Iterator[httpx2.Client]:
    """Return a client of the shipped configuration."""
    folder = tmp_path_factory.mktemp("nginx")
    socket = server.log_file.parent / "socket"
    with (
        in_front(folder, SHIPPED.read_text(), authority, socket) as url,
        client(url, authority) as one,
    ):
        yield one


@pytest.fixture(scope="module")
def below(
    tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA, server: Server
) -> Iterator[httpx2.Client]:
    """Return a client of the configuration with the page's location below a path."""
    found = re.search(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    shipped = re.sub(
        r"    location / \{.*?\n    \}\n", found[1], SHIPPED.read_text(), flags=re.DOTALL
    )
    folder = tmp_path_factory.mktemp("below")
    socket = server.log_file.parent / "socket"
    with in_front(folder, shipped, authority, socket) as url, client(url, authority) as one:
        yield one


def test_requests_and_changes_pass(through: httpx2.Client) -> None:
    assert through.get("/api/v1/nodes").json()["status"] == "ok"
    started = through.post("/api/v1/vm/start", json={"name": "web", "image": "1", "size": "1"})
    assert started.json()["status"] == "ok"
    assert through.get("/docs").status_code == 200


def test_a_large_body_is_refused_by_the_server_that_describes_it(through: httpx2.Client) -> None:
    answer = through.post("/api/v1/vm/start", json={"name": "x" * 1_200_000})
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/json"


def test_a_failed_login_is_logged_with_the_client_s_address(
    through: httpx2.Client, server: Server
) -> None:
    answer = through.get("/api/v1/nodes", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    server.wait_for_log(re.compile(rf"login failed.*{re.escape(CLIENT)}"))


def test_links_begin_with_the_path(below: httpx2.Client) -> None:
    answer = below.post(
        "/clouds/api/v1/vm/start",
        json={"name": "web", "image": "1", "size": "1"},
        headers={"Prefer": "respond-async"},
    )
    assert answer.status_code == 202
    assert answer.headers["Location"].startswith("/clouds/api/")
    assert below.get(answer.headers["Location"]).status_code == 200
    assert below.get("/clouds/docs").status_code == 200
    assert below.get("/api/v1/nodes").status_code == 404
