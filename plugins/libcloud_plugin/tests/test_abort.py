"""Aborted calls, and other calls that must not suffer from them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hostile_server as hostile
import pytest
from hostile_clouds import HEALTHY, SECRETS, settings
from hostile_server import Behaviour, HostileServer, Peer

from orchestrator_core import CloudTimeout, Deadline, OrchestratorError, PluginContext
from orchestrator_libcloud import LibcloudDriver

LONG = 60.0
AT_ONCE = 3.0

Ec2 = Callable[..., LibcloudDriver]


@pytest.fixture
def server() -> Iterator[HostileServer]:
    server = HostileServer(HEALTHY["ec2"])
    yield server
    server.close()


@pytest.fixture
def ec2(server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ec2]:
    """Return a function that makes a driver for ``server``, or for further settings."""
    monkeypatch.setenv("TEST_KEY", SECRETS["key"])
    monkeypatch.setenv("TEST_SECRET", SECRETS["secret"])
    drivers = []

    def make(**more: Any) -> LibcloudDriver:
        loaded = LibcloudDriver.settings_schema().load({**settings("ec2", server.port), **more})
        drivers.append(LibcloudDriver(PluginContext("aws", tmp_path), loaded))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.close()


def end(driver: LibcloudDriver, deadline: Deadline) -> None:
    """Do what the core does when no caller waits any more."""
    deadline.end()
    driver.abort(deadline=deadline)


def seconds_to_end(driver: LibcloudDriver, waits: Callable[[], bool]) -> float:
    """Abort a call as soon as it waits; return the seconds until it returned."""
    deadline = Deadline(LONG)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(driver.check, deadline=deadline)
        until(waits)
        begun = time.monotonic()
        end(driver, deadline)
        with pytest.raises(OrchestratorError) as caught:
            call.result(timeout=LONG)
        assert isinstance(caught.value, CloudTimeout)
        return time.monotonic() - begun


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


@pytest.mark.parametrize(
    "behaviour",
    [hostile.silent, hostile.drip_headers, hostile.drip_body, hostile.drip_body_without_length],
    ids=["silent", "in headers", "in the body", "without a length"],
)
def test_a_thread_that_waits_for_an_answer_comes_back(
    ec2: Ec2, server: HostileServer, behaviour: Behaviour
) -> None:
    driver = ec2()
    driver.check(deadline=Deadline(10))  # The aborted call uses a connection that was idle.
    server.behaviour = behaviour
    assert seconds_to_end(driver, lambda: len(server.requests) == 2) < AT_ONCE
    server.behaviour = HEALTHY["ec2"]
    driver.check(deadline=Deadline(10))


def test_a_thread_in_the_middle_of_a_handshake_comes_back(ec2: Ec2, server: HostileServer) -> None:
    seen = threading.Event()

    def nothing(peer: Peer) -> bool:
        seen.set()
        return hostile.silent(peer)

    # The server reads the client's greeting as a request without an end.
    driver = ec2(secure=True)
    server.behaviour = nothing
    assert seconds_to_end(driver, lambda: bool(server.lines)) < AT_ONCE
    assert not seen.is_set()


def test_a_thread_that_waits_for_a_connection_comes_back(ec2: Ec2) -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(full.getsockname())
        driver = ec2(port=full.getsockname()[1])
        began = time.monotonic()
        assert seconds_to_end(driver, lambda: time.monotonic() - began > 0.5) < AT_ONCE


def test_a_driver_that_polls_is_stopped_at_its_next_request(
    ec2: Ec2, server: HostileServer
) -> None:
    driver = ec2()
    deadline = Deadline(LONG)
    sent = []

    def poll() -> None:
        with driver._call(deadline) as session:
            while True:
                with contextlib.suppress(ValueError):
                    session.list_locations()
                sent.append(len(server.requests))
                time.sleep(0.02)

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(poll)
        until(lambda: len(sent) > 1)
        end(driver, deadline)
        with pytest.raises(CloudTimeout):
            call.result(timeout=AT_ONCE)


def test_a_driver_object_that_was_torn_out_of_its_work_is_not_used_again(
    ec2: Ec2, server: HostileServer
) -> None:
    driver = ec2()

    def one() -> Any:
        with driver._sessions.driver(Deadline(10)) as session:
            return session

    first = one()
    assert one() is first
    server.behaviour = hostile.silent
    deadline, before = Deadline(LONG), len(server.requests)

    def end_when_it_waits() -> None:
        until(lambda: len(server.requests) > before)
        end(driver, deadline)

    ending = threading.Thread(target=end_when_it_waits)
    ending.start()
    with pytest.raises(CloudTimeout):
        driver.check(deadline=deadline)
    ending.join()
    assert one() is not first


def test_a_late_abort_harms_no_other_call(ec2: Ec2) -> None:
    driver = ec2()
    ended: list[Deadline] = []
    stop = threading.Event()

    def late() -> None:
        while not stop.is_set():
            for deadline in ended[-2:]:
                end(driver, deadline)

    aborting = threading.Thread(target=late)
    aborting.start()
    try:
        for _ in range(100):
            deadline = Deadline(LONG)
            driver.check(deadline=deadline)
            ended.append(deadline)
    finally:
        stop.set()
        aborting.join()


def test_calls_under_way_do_not_mind_that_the_object_is_closed(
    ec2: Ec2, server: HostileServer
) -> None:
    driver = ec2()
    go = threading.Event()

    def slow(peer: Peer) -> object:
        go.wait(10)
        return HEALTHY["ec2"](peer)

    server.behaviour = slow
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(driver.check, deadline=Deadline(LONG)) for _ in range(4)]
        until(lambda: len(server.requests) == 4)
        driver.close()
        go.set()
        for call in calls:
            call.result(timeout=LONG)
        until(lambda: not server.lines)  # Their connections are closed when they have ended.


def test_one_driver_object_is_never_in_two_threads(
    ec2: Ec2, server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from libcloud.compute.drivers.ec2 import EC2NodeDriver  # noqa: PLC0415 - only here

    inside: dict[int, int] = {}
    shared: list[int] = []
    original: Any = EC2NodeDriver.list_locations

    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        me = threading.get_ident()
        if inside.setdefault(id(self), me) != me:
            shared.append(id(self))
        try:
            time.sleep(0.005)
            return original(self, *arguments, **named)
        finally:
            inside.pop(id(self), None)

    monkeypatch.setattr(EC2NodeDriver, "list_locations", watched)
    driver = ec2()
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(driver.check, deadline=Deadline(LONG)) for _ in range(64)]
        for call in calls:
            call.result(timeout=LONG)
    assert shared == []
    assert len(server.requests) == 64
