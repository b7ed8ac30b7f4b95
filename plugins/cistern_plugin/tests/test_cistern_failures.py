"""Failing and misbehaving Cistern servers: errors, repeats and limits."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator_cistern import CisternBackend
from orchestrator_core import (
    AssignRequest,
    CloudBusy,
    CloudError,
    CloudTimeout,
    CloudUnreachable,
    CredentialsRefused,
    Deadline,
    InvalidAnswer,
    OrchestratorError,
    RateLimited,
    Refused,
    Vm,
)

Make = Callable[..., CisternBackend]
Hook = Callable[[CisternBackend, Deadline], Any]

WEB1 = Vm(1, "i-1", "web1", cloud="aws")


def _list(backend: CisternBackend, deadline: Deadline) -> Any:
    return backend.list_vms("aws", deadline)


def _assign(backend: CisternBackend, deadline: Deadline) -> Any:
    return backend.assign_vm(AssignRequest("aws", WEB1, "ann", "web"), deadline)


def _release(backend: CisternBackend, deadline: Deadline) -> Any:
    return backend.release_vm("aws", WEB1, deadline)


HOOKS = pytest.mark.parametrize("hook", [_list, _assign, _release])


def fails(
    server: Any, backend: CisternBackend, hook: Hook, kind: str, seconds: float = 5
) -> OrchestratorError:
    """Call a hook while the server misbehaves; return the error, which must reveal nothing."""
    server.add("aws", "i-1", "web1", "ann" if hook is _release else "")
    server.misbehave(kind)
    with pytest.raises(OrchestratorError) as caught:
        hook(backend, Deadline(seconds))
    message = caught.value.message
    assert "127.0.0.1" not in message
    assert "10.0.0.7" not in message
    assert len(message) <= 500
    if not isinstance(caught.value, Refused):
        assert message.startswith("Backend brain ")
    return caught.value


@HOOKS
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("refusal", (Refused, r"^No VM of that type$")),
        ("refusal with 500", (Refused, r"^Recipe failed$")),
        ("refusal with 403", (Refused, r"^Not your VM$")),
        ("refusal without reason", (InvalidAnswer, r"status")),
        ("500 text", (CloudUnreachable, r"HTTP 500")),
        ("502 html", (CloudUnreachable, r"HTTP 502")),
        ("503 busy", (CloudUnreachable, r"HTTP 503")),
        ("401", (CredentialsRefused, r"HTTP 401")),
        ("403", (CredentialsRefused, r"HTTP 403")),
        ("404", (InvalidAnswer, r"HTTP 404")),
        ("429", (RateLimited, r"fewer requests")),
        ("html", (InvalidAnswer, r"not a JSON object")),
        ("broken json", (InvalidAnswer, r"not a JSON object")),
        ("deep json", (InvalidAnswer, r"not a JSON object")),
        ("empty", (InvalidAnswer, r"not a JSON object")),
        ("json list", (InvalidAnswer, r"not a JSON object")),
        ("ok with 404", (InvalidAnswer, r"HTTP 404")),
        ("no status", (InvalidAnswer, r"status: ")),
        ("pending", (InvalidAnswer, r"status: ")),
        ("redirect", (InvalidAnswer, r"HTTP 307")),
        ("huge", (InvalidAnswer, r"more than 32 MiB")),
        ("no http", (InvalidAnswer, r"not valid HTTP")),
        ("cut", (CloudUnreachable, r"closed the connection")),
        ("cut in mid-body", (CloudUnreachable, r"closed the connection")),
    ],
)
def test_each_misbehaviour_is_told_as_what_it_is(
    cistern_server: Any,
    backend: CisternBackend,
    hook: Hook,
    kind: str,
    expected: tuple[type[OrchestratorError], str],
) -> None:
    error = fails(cistern_server, backend, hook, kind)

    assert type(error) is expected[0]
    assert re.search(expected[1], error.message)
    assert len(cistern_server.requests) == 1  # neither repeated nor redirected


@pytest.mark.parametrize("kind", ["nodes null", "nodes object", "bare ok"])
def test_an_answer_without_a_list_is_invalid(
    cistern_server: Any, backend: CisternBackend, kind: str
) -> None:
    error = fails(cistern_server, backend, _list, kind)
    assert isinstance(error, InvalidAnswer)
    assert "nodes: " in error.message


def test_it_says_when_to_come_again(cistern_server: Any, backend: CisternBackend) -> None:
    for kind, seconds in (("503 busy", 7), ("429", 3)):
        error = fails(cistern_server, backend, _list, kind)
        assert isinstance(error, CloudError)
        assert error.retry_after == seconds


def test_a_refusal_is_passed_on_bounded_and_on_one_line(
    cistern_server: Any, backend: CisternBackend
) -> None:
    message = fails(cistern_server, backend, _assign, "long refusal").message
    assert message.startswith("a b [31m c xxx")
    assert message.endswith("x…")
    assert len(message) == 500


@HOOKS
@pytest.mark.parametrize("kind", ["silence", "slow head", "slow body"])
def test_the_deadline_holds_against_silence_and_single_bytes(
    cistern_server: Any, backend: CisternBackend, hook: Hook, kind: str
) -> None:
    begun = time.monotonic()
    error = fails(cistern_server, backend, hook, kind, seconds=0.3)

    assert time.monotonic() - begun < 1
    assert isinstance(error, CloudTimeout)
    assert "did not answer within 0.3 s" in error.message
    assert len(cistern_server.requests) == 1


def test_silence_ends_at_the_timeout_of_the_settings(
    cistern_server: Any, make_backend: Make
) -> None:
    backend = make_backend(url=cistern_server.url, timeout=0.2)
    error = fails(cistern_server, backend, _list, "silence")
    assert isinstance(error, CloudTimeout)
    assert "was silent for 0.2 s" in error.message


def test_nothing_is_sent_after_the_deadline(cistern_server: Any, backend: CisternBackend) -> None:
    for hook in (_list, _assign, _release):
        with pytest.raises(CloudTimeout, match="Backend brain did not answer within 0 s"):
            hook(backend, Deadline(0))
    assert cistern_server.requests == []


@pytest.mark.parametrize("hook", [_assign, _release])
@pytest.mark.parametrize(
    ("kind", "seconds"), [("done and cut", 5.0), ("cut in mid-body", 5.0), ("silence", 0.2)]
)
def test_a_change_without_an_answer_has_an_unknown_outcome(
    cistern_server: Any, backend: CisternBackend, hook: Hook, kind: str, seconds: float
) -> None:
    error = fails(cistern_server, backend, hook, kind, seconds)
    assert error.message.endswith("the outcome is not known")
    assert len(cistern_server.requests) == 1


def test_a_list_is_asked_for_again_on_a_connection_that_was_closed_meanwhile(
    cistern_server: Any, backend: CisternBackend
) -> None:
    cistern_server.add("aws", "i-1", "web1")
    cistern_server.misbehave("stale")

    for _ in range(3):
        assert len(backend.list_vms("aws", Deadline(5))) == 1
    connections = [request.connection for request in cistern_server.requests]
    assert len(connections) == 5  # The plugin sent the second and the third request twice.
    assert len(set(connections)) == 3


@pytest.mark.parametrize("hook", [_assign, _release])
def test_a_change_is_never_sent_twice(
    cistern_server: Any, backend: CisternBackend, hook: Hook
) -> None:
    cistern_server.add("aws", "i-1", "web1", "ann" if hook is _release else "")
    cistern_server.misbehave("stale")
    backend.list_vms("aws", Deadline(5))

    with pytest.raises(CloudUnreachable, match="without an answer; the outcome is not known"):
        hook(backend, Deadline(5))
    assert len(cistern_server.requests) == 2


def test_a_server_that_is_not_there(make_backend: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        backend = make_backend(url=f"http://127.0.0.1:{taken.getsockname()[1]}/api/v1")
        for hook in (_list, _assign, _release):
            with pytest.raises(CloudUnreachable) as caught:
                hook(backend, Deadline(5))
            assert caught.value.message == (
                "Backend brain cannot be reached: it refuses the connection"
            )
        with pytest.raises(CloudUnreachable):
            backend.check(Deadline(5))


def test_too_few_connections_are_no_fault_of_cistern(
    cistern_server: Any, make_backend: Make
) -> None:
    backend = make_backend(url=cistern_server.url, connections=1)
    cistern_server.misbehave("silence", on="nodes")
    errors: list[OrchestratorError] = []

    def hold() -> None:
        with pytest.raises(CloudTimeout) as caught:
            _list(backend, Deadline(0.8))
        errors.append(caught.value)

    holder = threading.Thread(target=hold)
    holder.start()
    while not cistern_server.requests:
        time.sleep(0.01)
    with pytest.raises(CloudBusy, match="Backend brain is busy"):
        _assign(backend, Deadline(0.1))
    assert cistern_server.asked("assign") == []
    holder.join()
    assert len(errors) == 1


@pytest.mark.parametrize("kind", ["refusal", "404", "html", "redirect"])
def test_check_takes_any_answer_of_a_server_that_is_there(
    cistern_server: Any, backend: CisternBackend, kind: str
) -> None:
    cistern_server.misbehave(kind)
    backend.check(Deadline(5))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("401", CredentialsRefused),
        ("502 html", CloudUnreachable),
        ("cut", CloudUnreachable),
        ("no http", InvalidAnswer),
        ("silence", CloudTimeout),
    ],
)
def test_check_tells_what_is_wrong(
    cistern_server: Any, backend: CisternBackend, kind: str, expected: type[CloudError]
) -> None:
    cistern_server.misbehave(kind)
    with pytest.raises(expected, match="Backend brain "):
        backend.check(Deadline(0.3))
