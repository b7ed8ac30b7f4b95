"""The server's own TLS: its certificate is read once, and again by a reload."""

from __future__ import annotations

import os
import re
import signal
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme

from tests.conftest import DUMMY, Server
from tests.server.test_reload import reload

TLS = f'{DUMMY}[server.tls]\ncertificate = "server.pem"\nkey = "server.key"\n'


def issue(authority: trustme.CA, folder: Path) -> str:
    """Write a new certificate of this authority; return its serial number."""
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "server.key")
    chain = folder / "server.pem"
    chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    return str(ssl._ssl._test_decode_cert(str(chain))["serialNumber"])  # type: ignore[attr-defined]


def shown(server: Server, authority: trustme.CA) -> str:
    """Return the serial number of the certificate that the server presents."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with httpx2.Client(verify=context) as client, client.stream("GET", server.url) as answer:
        stream = answer.extensions["network_stream"]
        assert answer.status_code == 302
        certificate = stream.get_extra_info("ssl_object").getpeercert()
    return str(certificate["serialNumber"])


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(serve: Any, tmp_path: Path, authority: trustme.CA) -> Server:
    issue(authority, tmp_path)
    started: Server = serve(TLS, up=False)
    started.url = started.wait_for_log(re.compile(r"Listening at: (https://\S+) ")).group(1)
    started.wait_for_log("ASGI server listening")
    return started


def test_a_reload_shows_a_new_certificate(
    server: Server, tmp_path: Path, authority: trustme.CA
) -> None:
    first, old = shown(server, authority), server.workers()
    second = issue(authority, tmp_path)
    assert shown(server, authority) == first
    server.signal(signal.SIGHUP)
    server.wait_for_new_workers(old)
    assert shown(server, authority) == second


def test_a_certificate_that_cannot_be_used_is_refused_and_a_worker_needs_no_file(
    server: Server, tmp_path: Path, authority: trustme.CA
) -> None:
    first = shown(server, authority)
    (tmp_path / "server.key").write_text("no key")
    (tmp_path / "server.pem").unlink()
    reload(server, tmp_path, TLS)
    server.wait_for_log(r"\[server.tls\] certificate: \S+server.pem cannot be read")
    os.kill(server.workers()[0], signal.SIGKILL)
    server.wait_for_log("ASGI server listening", count=2)
    assert shown(server, authority) == first


def test_a_wrong_certificate_stops_the_start(serve: Any, tmp_path: Path) -> None:
    for name in ("server.pem", "server.key"):
        (tmp_path / name).write_text("nothing")
    server = serve(TLS, up=False)
    assert server.process.wait(20) == 1
    assert f"[server.tls] certificate: {tmp_path}/server.pem holds no cert" in server.log()
    assert f"[server.tls] key: {tmp_path}/server.key holds no private key" in server.log()
    assert "Traceback" not in server.log()


def test_a_key_of_another_certificate_is_named(
    serve: Any, tmp_path: Path, authority: trustme.CA
) -> None:
    issue(authority, tmp_path)
    other = trustme.CA().issue_cert("127.0.0.1")
    other.private_key_pem.write_to_path(tmp_path / "server.key")
    server = serve(TLS, up=False)
    assert server.process.wait(20) == 1
    assert f"{tmp_path}/server.key is not the key of the certificate {tmp_path}/" in server.log()
    assert "KEY_VALUES_MISMATCH" not in server.log()


def test_tokens_over_a_network_without_tls_are_warned_of(serve: Any) -> None:
    token = {"OPS_TOKEN": "3f9c1d2e4b5a69788796a5b4c3d2e1f0"}
    auth = '[auth]\nmode = "token"\ntokens = {ops = "env:OPS_TOKEN"}\n'
    assert "Tokens arrive unencrypted" in serve(auth, bind="0.0.0.0:0", environment=token).log()
    assert "Tokens arrive unencrypted" not in serve(auth, environment=token).log()
