"""Drivers that call ``requests`` directly: they obey the same limits as all others."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hostile_server as hostile
import pytest
from hostile_clouds import CASES, SECRETS, Case
from hostile_server import HostileServer, answer

from orchestrator_core import CloudError, CloudTimeout, Deadline, InvalidAnswer
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.http.call import Call, Terms, under
from orchestrator_libcloud.http.exchange import Exchange


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(pem: Path) -> Iterator[HostileServer]:
    server = HostileServer(hostile.silent, certificate=pem)
    yield server
    server.close()


@pytest.fixture
def outscale(
    make: Callable[..., LibcloudDriver],
    server: HostileServer,
    pem: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> LibcloudDriver:
    from libcloud.compute.drivers.outscale import OutscaleNodeDriver  # noqa: PLC0415 - only here

    def endpoint(*_: Any) -> str:
        return f"https://127.0.0.1:{server.port}/api"

    monkeypatch.setattr(OutscaleNodeDriver, "_get_outscale_endpoint", endpoint)
    monkeypatch.setenv("TEST_SECRET", SECRETS["secret"])
    pair = {"key": "env:TEST_SECRET", "secret": "env:TEST_SECRET"}
    return make(provider="outscale", **pair, region="eu-west-2", ca_file=str(pem), max_answer=1)


NAMES = ("silent", "a byte now and then in its body", "502 with HTML", "401", "429 with seconds")


@pytest.mark.parametrize("case", [CASES[name] for name in NAMES], ids=NAMES)
def test_what_becomes_of_it(outscale: LibcloudDriver, server: HostileServer, case: Case) -> None:
    server.behaviour = case.behaviour
    begun = time.monotonic()
    with pytest.raises(CloudError) as caught:
        outscale.list_nodes(deadline=Deadline(case.seconds))
    assert time.monotonic() - begun < case.seconds + 2
    assert type(caught.value).__name__ == case.error
    server.behaviour = answer(200, b'{"Vms": []}', "application/json")
    assert outscale.list_nodes(deadline=Deadline(10)) == []


def test_bounds_and_redirects(outscale: LibcloudDriver, server: HostileServer) -> None:
    for behaviour in (hostile.stream(100), hostile.redirect(1, "https")):
        server.behaviour = behaviour
        with pytest.raises(InvalidAnswer, match=r"MiB|another address"):
            outscale.list_nodes(deadline=Deadline(10))


def test_the_other_one_is_known(
    make: Callable[..., LibcloudDriver], server: HostileServer, pem: Path
) -> None:
    gig_g8: Any = importlib.import_module("libcloud.common.gig_g8")
    make(
        provider="gig_g8", key="k", secret="env:PATH", arguments={"api_url": "https://h.invalid"}
    ).describe()
    call = Call(Deadline(0.6), Terms(cloud="aws", ca_file=pem), Exchange())
    with pytest.raises(CloudTimeout), under(call):
        gig_g8.requests.get(f"https://127.0.0.1:{server.port}/")
    assert len(server.requests) == 1
