"""Translation of Libcloud's exceptions to the core's errors."""

from __future__ import annotations

import ast
import json
import socket
import ssl
from typing import Any
from xml.etree.ElementTree import ParseError

import pytest
import requests
import urllib3
from libcloud.common import exceptions
from libcloud.common.types import (
    InvalidCredsError,
    LibcloudError,
    MalformedResponseError,
    ProviderError,
)
from libcloud.compute import types

from orchestrator_core import (
    CloudError,
    CloudTimeout,
    CloudUnreachable,
    Conflict,
    CredentialsRefused,
    ImageNotFound,
    InvalidAnswer,
    InvalidParameter,
    NodeNotFound,
    OrchestratorError,
    QuotaExceeded,
    RateLimited,
    Refused,
    SizeNotFound,
    Unsupported,
)
from orchestrator_libcloud.errors.errors import translate, translated
from orchestrator_libcloud.http.exchange import Exchange

# Libcloud does not declare the types of these.
BaseHTTPError: Any = exceptions.BaseHTTPError
exception_from_message: Any = exceptions.exception_from_message
KeyPairDoesNotExistError: Any = types.KeyPairDoesNotExistError

LEAKS = "https://admin:hunter2@10.0.0.7:8774/v2?Signature=abc"


def named(name: str, module: str, base: type[Exception] = Exception) -> type[Exception]:
    return type(name, (base,), {"__module__": module, "__qualname__": name})


class LibvirtError(Exception):
    def get_error_code(self) -> int:
        return int(self.args[0])


LibvirtError.__module__, LibvirtError.__qualname__ = "libvirt", "libvirtError"

CASES: list[tuple[Exception, type[OrchestratorError]]] = [
    (InvalidCredsError(LEAKS), CredentialsRefused),
    (BaseHTTPError(401, LEAKS), CredentialsRefused),
    (BaseHTTPError(403, LEAKS), CredentialsRefused),
    (ProviderError(LEAKS, http_code=503), CloudUnreachable),
    (BaseHTTPError(409, LEAKS), Conflict),
    (BaseHTTPError(400, LEAKS), Refused),
    (BaseHTTPError(500, LEAKS), CloudError),
    (BaseHTTPError(504, LEAKS), CloudTimeout),
    (BaseHTTPError(400, {"error": {"message": "Image x not found"}}), ImageNotFound),
    (MalformedResponseError("Failed to parse XML", body=LEAKS), InvalidAnswer),
    (requests.exceptions.ConnectionError(LEAKS), CloudUnreachable),
    (requests.exceptions.ReadTimeout(LEAKS), CloudTimeout),
    (requests.exceptions.ConnectTimeout(LEAKS), CloudTimeout),
    (requests.exceptions.SSLError(LEAKS), CloudUnreachable),
    (requests.exceptions.ProxyError(LEAKS), CloudUnreachable),
    (BaseHTTPError(1000, LEAKS), CloudError),
    (requests.exceptions.ChunkedEncodingError(LEAKS), CloudUnreachable),
    (requests.exceptions.JSONDecodeError("x", LEAKS, 0), InvalidAnswer),
    (
        requests.exceptions.ConnectionError(
            urllib3.exceptions.ReadTimeoutError(urllib3.HTTPConnectionPool("h"), LEAKS, "late")
        ),
        CloudTimeout,
    ),
    (TimeoutError(LEAKS), CloudTimeout),
    (socket.gaierror(-2, LEAKS), CloudUnreachable),
    (ssl.SSLError(1, LEAKS), CloudUnreachable),
    (ConnectionResetError(LEAKS), CloudUnreachable),
    (ParseError(LEAKS), InvalidAnswer),
    (json.JSONDecodeError("x", LEAKS, 0), InvalidAnswer),
    (KeyError(LEAKS), InvalidAnswer),
    (IndexError(LEAKS), InvalidAnswer),
    (AttributeError(LEAKS), InvalidAnswer),
    (ValueError(LEAKS), InvalidAnswer),
    (NotImplementedError(LEAKS), Unsupported),
    (Exception(LEAKS), CloudError),
    (Exception("InvalidAMIID.NotFound: The image id '[ami-1]' does not exist"), ImageNotFound),
    (Exception("InvalidInstanceID.Malformed: Invalid id"), NodeNotFound),
    (BaseHTTPError(400, "InstanceLimitExceeded: You have requested more"), QuotaExceeded),
    (BaseHTTPError(500, "InsufficientInstanceCapacity: We do not have"), QuotaExceeded),
    (BaseHTTPError(400, "IncorrectInstanceState: The instance"), Conflict),
    (BaseHTTPError(403, "UnauthorizedOperation: You are not"), CredentialsRefused),
    (BaseHTTPError(503, "RequestLimitExceeded: Request limit"), RateLimited),
    (
        BaseHTTPError(400, "InvalidParameterValue: Invalid value 'x' for InstanceType."),
        SizeNotFound,
    ),
    (BaseHTTPError(403, "403 Forbidden Quota exceeded for cores"), QuotaExceeded),
    (BaseHTTPError(500, "500 Error No valid host was found."), QuotaExceeded),
    (BaseHTTPError(400, "400 Bad Request Invalid key_name provided."), InvalidParameter),
    (BaseHTTPError(400, "400 Bad Request Can not find requested image"), ImageNotFound),
    (BaseHTTPError(404, "404 Not Found Flavor x could not be found."), SizeNotFound),
    (
        BaseHTTPError(409, "409 Conflict Cannot 'stop' instance x while it is in vm_state stopped"),
        Conflict,
    ),
    (LibcloudError("Invalid credentials", driver=None), CredentialsRefused),
    (LibvirtError(42), NodeNotFound),
    (LibvirtError(55), Conflict),
    (LibvirtError(1), CloudError),
    (named("Fault", "xmlrpc.client")(LEAKS), CloudError),
    (named("Odd", "libcloud.compute.drivers.odd", LibcloudError)("429 slow down"), RateLimited),
]


@pytest.mark.parametrize(
    ("error", "expected"), CASES, ids=lambda x: x.__name__ if isinstance(x, type) else repr(x)[:50]
)
def test_what_it_means(error: Exception, expected: type[OrchestratorError]) -> None:
    found = translate(error, "aws")
    assert type(found) is expected
    for part in ("hunter2", "10.0.0.7", "http", "Signature", "0x"):
        assert part not in found.message


def test_a_key_pair_that_is_missing() -> None:
    driver: Any = type("D", (), {"name": "d"})
    found = translate(KeyPairDoesNotExistError("k", driver), "aws")
    assert isinstance(found, InvalidParameter)
    assert found.message == "Param not valid: keyname: there is no key pair with this name"


def test_not_found_is_what_was_asked_for() -> None:
    missing = NodeNotFound("There is no node 'x'")
    assert translate(BaseHTTPError(404, "404 Not Found"), "aws", missing) is missing
    assert translate(Exception("InvalidInstanceID.NotFound: x"), "aws", missing) is missing
    assert type(translate(BaseHTTPError(404, "404 Not Found"), "aws")) is CloudError


@pytest.mark.parametrize("header", ["7", "7.5"])
def test_rate_limits_say_how_long_to_wait(header: str) -> None:
    for code in (429, 503):
        error = exception_from_message(code, "slow", headers={"retry-after": header})
        found = translate(error, "aws")
        assert isinstance(found, CloudError)
        assert found.retry_after == float(header)
    without = translate(exception_from_message(429, "slow"), "aws")
    assert isinstance(without, RateLimited)
    assert without.retry_after is None


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (requests.exceptions.ConnectionError(LEAKS), True),
        (requests.exceptions.ConnectionError(socket.gaierror(socket.EAI_NONAME, LEAKS)), False),
        (requests.exceptions.ConnectionError(socket.gaierror(socket.EAI_AGAIN, LEAKS)), True),
        (requests.exceptions.SSLError(ssl.SSLCertVerificationError(1, LEAKS)), False),
        (requests.exceptions.SSLError(ssl.SSLEOFError(8, LEAKS)), True),
        (requests.exceptions.InvalidURL(LEAKS), False),
        (urllib3.exceptions.LocationParseError(LEAKS), False),
        (requests.exceptions.TooManyRedirects(LEAKS), False),
        (requests.exceptions.ReadTimeout(LEAKS), False),
        (BaseHTTPError(500, LEAKS), True),
        (BaseHTTPError(503, LEAKS), True),
        (BaseHTTPError(504, LEAKS), True),
        (BaseHTTPError(599, LEAKS), True),
        (BaseHTTPError(400, "InvalidParameterValue: x"), None),
        (BaseHTTPError(401, LEAKS), False),
        (BaseHTTPError(429, LEAKS), True),
        (ParseError(LEAKS), False),
    ],
    ids=lambda x: repr(x)[:60],
)
def test_whether_a_repeat_helps(error: Exception, transient: object) -> None:
    found = translate(error, "aws")
    assert getattr(found, "transient", None) is transient


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, InvalidAnswer),
        (401, CredentialsRefused),
        (404, InvalidAnswer),
        (429, RateLimited),
        (500, CloudError),
        (502, CloudUnreachable),
    ],
)
def test_a_bad_status_says_more_than_a_parser(
    status: int, expected: type[OrchestratorError]
) -> None:
    exchange = Exchange()
    exchange.begin_request()
    exchange.answered(status, {})
    for error in (ParseError(LEAKS), KeyError("x"), MalformedResponseError("Failed")):
        assert type(translate(error, "aws", None, exchange)) is expected


def test_what_the_transport_decided_stays() -> None:
    exchange = Exchange()
    final_error = exchange.decide(CloudTimeout("late"))
    with pytest.raises(CloudTimeout) as caught, translated("aws", exchange):
        raise RuntimeError("of the driver's own")
    assert caught.value is final_error
    with pytest.raises(CloudTimeout), translated("aws", exchange):
        pass  # The driver continued with a part.


def test_nothing_is_certain_where_the_driver_has_connections_of_its_own() -> None:
    exchange = Exchange()
    exchange.prepare_change()
    looking = translate(LibvirtError(38), "lab", None, exchange)
    exchange.begin_change()
    changing = translate(LibvirtError(38), "lab", None, exchange)
    assert isinstance(looking, CloudError)
    assert isinstance(changing, CloudError)
    assert (looking.repeat_is_safe, changing.repeat_is_safe) == (True, False)


def test_what_was_not_looked_at_is_not_missing() -> None:
    exchange = Exchange()
    exchange.decide(CloudTimeout("late"))
    with pytest.raises(CloudTimeout), translated("aws", exchange):
        raise NodeNotFound("There is no node 'x'")


def test_messages_begin_with_the_cloud() -> None:
    assert translate(TimeoutError(), "aws").message == "Cloud aws did not answer in time"


def test_our_own_errors_pass_and_others_are_the_cause() -> None:
    with pytest.raises(SizeNotFound), translated("aws"):
        raise SizeNotFound("x")
    with pytest.raises(CloudError) as caught, translated("aws"):
        raise RuntimeError("inside")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_an_error_is_read_although_another_parse_disturbs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Python 3.11.8 and 3.12.2, two parses at a time end one of them with SystemError."""
    parse, disturbed = ast.literal_eval, [SystemError("recursion depth mismatch")] * 2

    def literal_eval(words: str) -> Any:
        if disturbed:
            raise disturbed.pop()
        return parse(words)

    monkeypatch.setattr(ast, "literal_eval", literal_eval)
    error = Exception("{'code': 'InstanceLimitExceeded', 'message': 'Too many instances'}")
    assert "Too many instances (InstanceLimitExceeded)" in str(translate(error, "aws"))
    assert disturbed == []
