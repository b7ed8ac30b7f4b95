"""``[metrics] bind`` beside ``[server.tls]``: the API speaks TLS, and the metrics do not."""

from __future__ import annotations

import os
import re
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import trustme

from tests import loopback
from tests.conftest import Serve, Server
from tests.server.test_metrics_address import METRICS, address, status
from tests.server.test_tls import TLS, issue
from tests.stateful import wait_for

WORKERS = 2


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(serve: Serve, tmp_path: Path, authority: trustme.CA) -> Server:
    issue(authority, tmp_path)
    started = serve(TLS + METRICS.format(port=0), workers=WORKERS, up=False)
    started.url = started.wait_for_log(re.compile(r"Listening at: (https://\S+) ")).group(1)
    started.wait_for_log("ASGI server listening on https", count=WORKERS)
    return started


@pytest.fixture
def api(server: Server, authority: trustme.CA) -> Iterator[httpx2.Client]:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with httpx2.Client(verify=context, base_url=server.url, timeout=20) as client:
        yield client


def counted(own: str, requests: int) -> str:
    """Return the metrics once they count this many requests for nodes."""
    line = f'route="/api/v1/nodes",status="200"}} {float(requests)}'
    return str(wait_for(lambda: loopback.get(f"{own}/metrics").text, lambda text: line in text))


def test_the_api_is_served_with_tls_and_the_metrics_without(
    server: Server, api: httpx2.Client
) -> None:
    own = address(server.log())
    assert own.startswith("http://")
    for _ in range(3):
        assert api.get("/api/v1/nodes").status_code == 200
    assert "orchestrator_build_info" in counted(own, 3)
    assert api.get("/metrics").status_code == 404
    assert status(f"{own}/api/v1/nodes") == 404
    with pytest.raises(httpx2.TransportError):
        loopback.get(server.url.replace("https:", "http:"))
    with pytest.raises(httpx2.TransportError):
        loopback.get(f"{own.replace('http:', 'https:')}/metrics")


def test_both_outlive_workers_and_reloads(
    server: Server, api: httpx2.Client, authority: trustme.CA, tmp_path: Path
) -> None:
    own = address(server.log())
    for pid in (old := server.workers()):
        os.kill(pid, signal.SIGKILL)
    server.wait_for_new_workers(old)
    assert (api.get("/api/v1/nodes").status_code, status(f"{own}/metrics")) == (200, 200)
    issue(authority, tmp_path)
    old = server.workers()
    server.signal(signal.SIGHUP)
    server.wait_for_new_workers(old)
    assert (api.get("/api/v1/nodes").status_code, status(f"{own}/metrics")) == (200, 200)
    assert "Traceback" not in server.log()
    assert "ASGI server listening on https" in server.log()
    assert not re.search(r"https://\S+/metrics|http://\S+ .*Listening at", server.log())
