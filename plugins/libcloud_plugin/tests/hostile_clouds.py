"""Real Libcloud drivers in front of a hostile server, and the normal answers of each API."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any

import hostile_server as hostile
from hostile_server import Behaviour, HostileServer, Peer, answer

from orchestrator_core import CloudError, CloudTimeout

SECRETS = {"key": "the-user-AKIA", "secret": "the-password-hunter2"}
TOKEN = "the-token-of-keystone"

_XML = b'<R xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"></R>'
_DROPLETS = b'{"droplets": [], "links": {}, "meta": {"total": 0}}'

HEALTHY: dict[str, Behaviour] = {
    "ec2": answer(200, _XML, "text/xml"),
    "openstack": answer(200, b'{"flavors": []}', "application/json"),
    "digitalocean": answer(200, _DROPLETS, "application/json"),
}


def settings(kind: str, port: int) -> dict[str, Any]:
    """Return ``[clouds.NAME]`` of such a cloud at that port; secrets are in the environment."""
    if kind == "ec2":
        where = {"host": "127.0.0.1", "port": port, "secure": False, "region": "eu-west-1"}
        return {"provider": "ec2", "key": "env:TEST_KEY", "secret": "env:TEST_SECRET", **where}
    if kind == "openstack":
        arguments = {
            "ex_force_auth_url": f"http://127.0.0.1:{port}",
            "ex_force_auth_version": "3.x_password",
            "ex_tenant_name": "physics",
        }
        pair = {"key": "env:TEST_KEY", "secret": "env:TEST_SECRET"}
        return {"provider": "openstack", **pair, "arguments": arguments}
    return {"provider": "digitalocean", "key": "env:TEST_SECRET"}


def before_login(kind: str, behaviour: Behaviour) -> Behaviour:
    """Make OpenStack's Keystone answer correctly, and the services behind it behave as given."""

    def behave(peer: Peer) -> object:
        if kind == "openstack" and b"/auth/tokens" in peer.request.split(b"\r\n")[0]:
            return _login(peer)
        return behaviour(peer)

    return behave


def error_once_asked(
    server: HostileServer, call: Callable[[float], CloudError], seconds: float
) -> CloudError:
    """Return the error of a call whose request the server has got.

    On a busy machine a call's time can end before its request is sent. The error then says rightly
    that nothing was done, and the call is made again with twice the time.

    Args:
        server: the server.
        call: the call, with the seconds that it may take.
        seconds: the seconds of the first call.
    """
    before = len(server.requests)
    error = call(seconds)
    while len(server.requests) == before:
        assert (type(error), error.repeat_is_safe) == (CloudTimeout, True), error
        seconds *= 2
        error = call(seconds)
    return error


def _login(peer: Peer) -> object:
    (host,) = (
        line[6:].decode() for line in peer.request.split(b"\r\n") if line.startswith(b"Host: ")
    )
    endpoint = {
        "interface": "public",
        "region": "RegionOne",
        "region_id": "RegionOne",
        "url": f"http://{host}/v2.1",
        "id": "e",
    }
    token = {
        "expires_at": (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat(),
        "roles": [],
        "user": {"id": "u", "name": "u"},
        "catalog": [{"type": "compute", "name": "nova", "id": "s", "endpoints": [endpoint]}],
    }
    body = json.dumps({"token": token}).encode()
    login = answer(201, body, "application/json", f"X-Subject-Token: {TOKEN}\r\n")
    return login(peer)


@dataclass
class Case:
    """A behaviour and its expected result.

    Attributes:
        error: class name of the error that the plugin raises.
        transient: 1 when a repeat may help, 0 when not.
        status: the status of the API's answer.
        text: a part of the message.
        seconds: how long the call may take.
        retry_after: least and most seconds that the error says to wait.
        safe: whether the error states that nothing was changed.
    """

    behaviour: Behaviour
    error: str
    transient: int
    status: int
    text: str
    seconds: float = 10.0
    retry_after: tuple[float, float] | None = None
    safe: bool = False


def _limited(value: str) -> Behaviour:
    return answer(429, b"slow down", headers=f"Retry-After: {value}\r\n")


def _in_a_minute(peer: Peer) -> object:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)
    return _limited(format_datetime(moment, usegmt=True))(peer)


_HTML = b"<html><body>The server could not be found. <b>nginx</body>"
_LATE = ("CloudTimeout", 0, 504, "did not answer in time", 0.6)
_CUT = ("CloudUnreachable", 1, 502)
_INVALID = ("InvalidAnswer", 0, 502, "understood")
_LARGE = ("InvalidAnswer", 0, 502, "more than 1 MiB")

CASES: dict[str, Case] = {
    "silent": Case(hostile.silent, *_LATE),
    "a byte now and then in its headers": Case(hostile.drip_headers, *_LATE),
    "a byte now and then in its body": Case(hostile.drip_body, *_LATE),
    "a byte now and then without a length": Case(hostile.drip_body_without_length, *_LATE),
    "cut in its status": Case(hostile.cut_status, *_CUT, "closed the connection"),
    "cut in its headers": Case(hostile.cut_headers, *_INVALID),
    "cut in its body": Case(hostile.cut_body, *_CUT, "closed the connection"),
    "cut at once": Case(hostile.cut_at_once, *_CUT, "closed the connection"),
    "500": Case(answer(500, b"oh"), "CloudError", 1, 502, "a fault of its own"),
    "502 with HTML": Case(answer(502, _HTML), "CloudUnreachable", 1, 502, "not available"),
    "503 with HTML": Case(answer(503, _HTML), "CloudUnreachable", 1, 502, "not available"),
    "504": Case(answer(504, _HTML), "CloudTimeout", 1, 504, "a timeout of its own"),
    "520 of a proxy": Case(answer(520, b""), "CloudError", 1, 502, "a fault of its own"),
    "broken XML": Case(
        answer(200, b"<a><b", "application/xml"), "InvalidAnswer", 0, 502, "understood"
    ),
    "broken JSON": Case(
        answer(200, b'{"a": [1, 2', "application/json"), "InvalidAnswer", 0, 502, "understood"
    ),
    "401": Case(
        answer(401, b"no"), "CredentialsRefused", 0, 502, "refused the credentials", safe=True
    ),
    "429": Case(answer(429, b"slow"), "RateLimited", 1, 429, "fewer requests", safe=True),
    "429 with seconds": Case(
        _limited("7"), "RateLimited", 1, 429, "fewer", retry_after=(7, 7), safe=True
    ),
    "429 with a date": Case(
        _in_a_minute, "RateLimited", 1, 429, "fewer", retry_after=(50, 60), safe=True
    ),
    "429 with nonsense": Case(_limited("soon"), "RateLimited", 1, 429, "fewer", safe=True),
    "too much, streamed": Case(hostile.stream(100), *_LARGE),
    "too much, packed": Case(hostile.bomb(100), *_LARGE),
    "too much, announced": Case(hostile.announce(100), *_LARGE),
}
