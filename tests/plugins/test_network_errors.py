"""Exceptions of a hook's HTTP client, reported as errors of the cloud."""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from typing import Any

import httpx2
import pytest
import requests
from structlog.testing import capture_logs

from orchestrator_core import (
    CloudDescription,
    CloudError,
    CloudTimeout,
    CloudUnreachable,
    Deadline,
    hookimpl,
)
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind


class Careless:
    """A driver that catches nothing."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("careless", "Careless")

    @hookimpl
    def check(self) -> None:
        self.act()


def raised(act: Callable[[], object]) -> tuple[type, dict[str, Any]]:
    hooks = Hooks(Kind.CLOUD, "Cloud test", Careless(act))
    with capture_logs() as logs, pytest.raises(CloudError) as caught:
        hooks.call("check", deadline=Deadline(5.0))
    (line,) = [line for line in logs if line["event"] == "plugin raised"]
    assert "secret" not in caught.value.message
    return type(caught.value), dict(line)


def throw(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


CLIENTS: dict[str, Callable[[int], object]] = {
    "requests": lambda port: requests.get(f"http://127.0.0.1:{port}/secret", timeout=0.3),
    "urllib": lambda port: urllib.request.urlopen(f"http://127.0.0.1:{port}/secret", timeout=0.3),
    "httpx2": lambda port: httpx2.get(f"http://127.0.0.1:{port}/secret", timeout=0.3),
}


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_a_connection_that_is_refused(client: Callable[[int], object], closed_port: int) -> None:
    error, line = raised(lambda: client(closed_port))
    assert error is CloudUnreachable
    assert line["log_level"] == logging.getLevelName(logging.WARNING).lower()
    assert "raise orchestrator_core.CloudUnreachable" in line["hint"]


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_an_answer_that_does_not_come(client: Callable[[int], object], silent_port: int) -> None:
    error, line = raised(lambda: client(silent_port))
    assert error is CloudTimeout
    assert "raise orchestrator_core.CloudTimeout" in line["hint"]


def status_error(status: int) -> requests.HTTPError:
    answer = requests.Response()
    answer.status_code = status
    return requests.HTTPError("secret", response=answer)


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (http.client.RemoteDisconnected("secret"), CloudUnreachable),
        (http.client.IncompleteRead(b"secret"), CloudUnreachable),
        (requests.exceptions.ChunkedEncodingError("secret"), CloudUnreachable),
        (requests.exceptions.SSLError("secret"), CloudUnreachable),
        (httpx2.RemoteProtocolError("secret"), CloudUnreachable),
        (urllib.error.URLError(TimeoutError("secret")), CloudTimeout),
        (urllib.error.URLError("secret"), CloudUnreachable),
        (urllib.error.HTTPError("secret", 503, "secret", Message(), None), CloudUnreachable),
        (ConnectionResetError("secret"), CloudUnreachable),
        (socket.gaierror(-2, "secret"), CloudUnreachable),
        (ssl.SSLError("secret"), CloudUnreachable),
        (TimeoutError("secret"), CloudTimeout),
        (status_error(502), CloudUnreachable),
        (status_error(404), CloudError),
        (urllib.error.HTTPError("secret", 403, "secret", Message(), None), CloudError),
        (http.client.InvalidURL("secret"), CloudError),
        (requests.exceptions.MissingSchema("secret"), CloudError),
        (FileNotFoundError("secret"), CloudError),
        (KeyError("secret"), CloudError),
    ],
    ids=repr,
)
def test_what_is_raised(error: BaseException, ours: type) -> None:
    assert raised(throw(error))[0] is ours
