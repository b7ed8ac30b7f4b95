"""Hostile clouds in front of real Libcloud drivers: the documented error, in time, and recovery."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hostile_server as hostile
import pytest
from hostile_clouds import (
    CASES,
    HEALTHY,
    SECRETS,
    TOKEN,
    Case,
    before_login,
    error_once_asked,
    settings,
)
from hostile_server import Behaviour, HostileServer

from orchestrator_core import CloudError, CloudUnreachable, Deadline, InvalidAnswer, PluginContext
from orchestrator_libcloud import LibcloudDriver

KINDS = ("ec2", "openstack", "digitalocean")
PATIENCE = 2.0

Cloud = Callable[..., tuple[LibcloudDriver, HostileServer]]


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def cloud(pem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Make ``(driver, server)`` for a kind of cloud with this behaviour."""
    monkeypatch.setenv("TEST_KEY", SECRETS["key"])
    monkeypatch.setenv("TEST_SECRET", SECRETS["secret"])
    servers: list[HostileServer] = []
    drivers: list[LibcloudDriver] = []

    def make(
        kind: str, behaviour: Behaviour, *, secure: bool = False, **more: Any
    ) -> tuple[LibcloudDriver, HostileServer]:
        is_secure = secure or kind == "digitalocean"
        server = HostileServer(
            before_login(kind, behaviour), certificate=pem if is_secure else None
        )
        servers.append(server)
        if kind == "digitalocean":
            # Its address cannot be set in any other way.
            from libcloud.common import digitalocean  # noqa: PLC0415 - only here

            monkeypatch.setattr(
                digitalocean.DigitalOcean_v2_Connection,
                "base_url",
                f"https://127.0.0.1:{server.port}",
                raising=False,
            )
        given = {**settings(kind, server.port), "max_answer": 1}
        given |= {"ca_file": str(pem), "secure": True} if secure else {}
        given |= {"ca_file": str(pem)} if kind == "digitalocean" else {}
        loaded = LibcloudDriver.settings_schema().load({**given, **more})
        drivers.append(LibcloudDriver(PluginContext("aws", tmp_path), loaded))
        return drivers[-1], server

    yield make
    for driver in drivers:
        driver.close()
    for server in servers:
        server.close()


def failure(driver: LibcloudDriver, seconds: float) -> CloudError:
    """Return the error of a call that has this many seconds."""
    begun = time.monotonic()
    with pytest.raises(CloudError) as caught:
        driver.check(deadline=Deadline(seconds))
    assert time.monotonic() - begun < seconds + PATIENCE
    for inner in ("127.0.0.1", "http:", "https:", TOKEN, *SECRETS.values()):
        assert inner not in caught.value.message
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_becomes_of_it(cloud: Cloud, kind: str, case: Case) -> None:
    driver, server = cloud(kind, case.behaviour)
    if kind == "openstack":
        # The driver logs in before the server turns hostile, so that only the one request is sent
        # then.
        server.behaviour = before_login(kind, HEALTHY[kind])
        driver.check(deadline=Deadline(10))
        server.behaviour = before_login(kind, case.behaviour)
    if kind == "ec2" and case.text == "understood":
        server.behaviour = hostile.answer(200, b"<a><b")

    error = error_once_asked(server, lambda seconds: failure(driver, seconds), case.seconds)
    assert (type(error).__name__, error.transient) == (case.error, case.transient), error
    assert case.text in error.message
    assert error.message.startswith("Cloud aws ")
    assert error.repeat_is_safe is case.safe
    if case.retry_after is None:
        assert error.retry_after is None
    else:
        least, most = case.retry_after
        assert error.retry_after is not None
        assert least <= error.retry_after <= most

    server.behaviour = before_login(kind, HEALTHY[kind])
    driver.check(deadline=Deadline(10))


@pytest.mark.parametrize("behaviour", [hostile.silent, hostile.drip_body], ids=["silent", "slow"])
def test_slow_clouds_behind_tls(cloud: Cloud, behaviour: Behaviour) -> None:
    driver, server = cloud("ec2", behaviour, secure=True)
    assert failure(driver, 0.6).message == "Cloud aws did not answer in time"
    server.behaviour = HEALTHY["ec2"]
    driver.check(deadline=Deadline(10))


def test_a_handshake_that_never_comes(cloud: Cloud) -> None:
    plain = HostileServer(hostile.silent)
    try:
        driver, _ = cloud("ec2", hostile.silent, secure=True, port=plain.port)
        assert failure(driver, 0.6).message == "Cloud aws did not answer in time"
    finally:
        plain.close()


def test_a_certificate_without_an_authority(cloud: Cloud) -> None:
    driver, server = cloud("ec2", HEALTHY["ec2"], secure=True)
    driver.check(deadline=Deadline(10))
    driver._settings.pop("ca_file")
    driver.close()
    error = failure(driver, 10)
    assert isinstance(error, CloudUnreachable)
    assert "is its certificate trusted?" in error.message
    assert (error.transient, error.repeat_is_safe) == (False, True)
    assert len(server.requests) == 1


def test_a_refused_connection(cloud: Cloud) -> None:
    driver, server = cloud("ec2", hostile.silent)
    server.close()
    error = failure(driver, 10)
    assert isinstance(error, CloudUnreachable)
    assert (error.transient, error.repeat_is_safe) == (True, True)


def test_a_host_name_without_an_address(cloud: Cloud) -> None:
    driver, _ = cloud("ec2", hostile.silent, host="nowhere.invalid")
    error = failure(driver, 30)
    assert isinstance(error, CloudUnreachable)
    assert "nowhere" not in error.message
    assert error.repeat_is_safe


@pytest.mark.parametrize("kind", KINDS)
def test_redirects_to_another_place_are_not_followed(cloud: Cloud, kind: str) -> None:
    elsewhere = HostileServer(hostile.answer(200, b"<R/>"))
    try:
        driver, server = cloud(kind, hostile.redirect(elsewhere.port))
        error = failure(driver, 10)
        assert isinstance(error, InvalidAnswer)
        assert "another address" in error.message
        assert elsewhere.requests == []
        server.behaviour = before_login(kind, HEALTHY[kind])
        driver.check(deadline=Deadline(10))
    finally:
        elsewhere.close()


def test_redirects_on_the_same_server_are_followed(cloud: Cloud) -> None:
    driver, server = cloud("ec2", hostile.silent)
    server.behaviour = hostile.in_turn(hostile.redirect(server.port), HEALTHY["ec2"])
    driver.check(deadline=Deadline(10))
    assert len(server.requests) == 2
    server.behaviour = hostile.redirect(server.port)
    assert "without end" in failure(driver, 10).message


@pytest.mark.parametrize("status", [429, 503])
def test_libcloud_repeats_nothing_by_itself(
    cloud: Cloud, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBCLOUD_RETRY_FAILED_HTTP_REQUESTS", "1")
    driver, server = cloud("ec2", hostile.answer(status, b"", headers="Retry-After: 1\r\n"))
    assert failure(driver, 10).retry_after == 1
    assert len(server.requests) == 1
    server.behaviour = hostile.cut_at_once
    failure(driver, 10)
    assert len(server.requests) == 2


def test_signed_urls_are_not_logged(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    driver, _ = cloud("ec2", hostile.cut_headers)
    failure(driver, 10)
    assert "Action=" not in caplog.text


def test_a_login_that_fails_says_so(cloud: Cloud) -> None:
    driver, server = cloud("openstack", hostile.silent)
    for name, error in (("502 with HTML", "CloudUnreachable"), ("silent", "CloudTimeout")):
        case = CASES[name]
        server.behaviour = case.behaviour
        assert type(failure(driver, case.seconds)).__name__ == error
    server.behaviour = before_login("openstack", HEALTHY["openstack"])
    driver.check(deadline=Deadline(10))
