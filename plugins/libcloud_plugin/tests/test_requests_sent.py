"""Requests that change something, and answers that state that nothing was changed."""

from __future__ import annotations

import pytest

from orchestrator_libcloud.http.error_answer import ErrorAnswer
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.http.requests_sent import is_whole_refusal, may_change

NOVA = b'{"forbidden": {"code": 403, "message": "Quota exceeded for instances"}}'
TAGS = (
    b"<Response><Errors><Error><Code>TagLimitExceeded</Code><Message>Too many tags"
    b"</Message></Error></Errors></Response>"
)
AMI = (
    b"<Response><Errors><Error><Code>InvalidAMIID.NotFound</Code><Message>no image"
    b"</Message></Error></Errors></Response>"
)
PAGE = b"<html><body>403 Forbidden</body></html>"


@pytest.mark.parametrize(
    ("method", "url", "body", "changes"),
    [
        ("GET", "http://c/servers/detail?limit=1", None, False),
        ("HEAD", "http://c/", None, False),
        ("POST", "http://c/servers", b"{}", True),
        ("DELETE", "http://c/servers/1", None, True),
        ("POST", "http://c/v3/auth/tokens", b"{}", False),
        ("POST", "http://c/o/oauth2/token", b"grant_type=x", False),
        ("GET", "http://c/?Action=RunInstances&Version=1", None, True),
        ("GET", "http://c/?Action=DescribeInstances", None, False),
        ("POST", "http://c/", b"Action=TerminateInstances&InstanceId.1=i", True),
        ("GET", "http://c/client/api?command=deployVirtualMachine", None, True),
        ("GET", "http://c/client/api?command=queryAsyncJobResult", None, False),
        ("GET", "http://c/api/?api_action=linode.create", None, True),
        ("GET", "http://c/api/?api_action=linode.list", None, False),
        ("POST", "http://c/api/v1/ReadVms", b"{}", False),
        ("POST", "http://c/api/v1/CreateVms", b"{}", True),
        ("POST", "http://c/xmlrpc/", "<methodName>hosting.vm.list</methodName>", False),
        ("POST", "http://c/xmlrpc/", "<methodName>hosting.vm.create_from</methodName>", True),
        ("PATCH", "http://c/objects/servers/1/power", b"{}", True),
    ],
)
def test_what_can_change_something(
    method: str, url: str, body: str | bytes | None, *, changes: bool
) -> None:
    assert may_change(method, url, body) is changes


@pytest.mark.parametrize(
    ("status", "body", "whole"),
    [
        (403, NOVA, True),
        (400, AMI, True),
        (409, b'{"conflictingRequest": {"code": 409}}', True),
        (400, TAGS, False),
        (403, PAGE, False),
        (404, b"", False),
        (404, b"no such route", False),
        (408, NOVA, False),
        (500, NOVA, False),
        (503, NOVA, False),
    ],
)
def test_what_is_a_refusal_of_the_whole_request(status: int, body: bytes, *, whole: bool) -> None:
    assert is_whole_refusal(ErrorAnswer.of("POST", "/servers", status, body)) is whole


def trail_of(*answers: tuple[str, int | None, bytes]) -> Exchange:
    """Return the exchange of a change that sent these requests, each with its answer."""
    exchange = Exchange()
    exchange.prepare_change()
    exchange.begin_change()
    for method, status, body in answers:
        exchange.begin_request(method, "http://cloud/servers")
        exchange.sent()
        if status is None:
            continue
        exchange.answered(status, {})
        if status >= 400:
            exchange.keep_error(ErrorAnswer.of(method, "/servers", status, body))
    return exchange


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([("POST", 403, NOVA)], True),
        ([("GET", 200, b""), ("POST", 403, NOVA)], True),
        ([("GET", 200, b""), ("GET", 404, b"")], True),
        ([("POST", 401, PAGE)], True),
        ([("POST", 202, b""), ("POST", 403, NOVA)], False),
        ([("POST", 202, b""), ("GET", 404, b"")], False),
        ([("POST", 202, b"")], None),
        ([("POST", 403, PAGE)], None),
        ([("POST", 500, NOVA)], None),
        ([("POST", None, b"")], None),
        ([("POST", 403, NOVA), ("POST", None, b"")], None),
        ([], None),
    ],
)
def test_what_is_told_of_a_change(
    answers: list[tuple[str, int | None, bytes]], *, told: bool | None
) -> None:
    assert trail_of(*answers).refused_whole is told


def test_a_change_that_is_sent_may_not_be_repeated_because_it_was_refused() -> None:
    """A refusal is final; only a rate limit or an expired login permits another attempt."""
    assert not trail_of(("POST", 403, NOVA)).nothing_done
    assert trail_of(("POST", 429, NOVA)).nothing_done


@pytest.mark.parametrize(("sees_all", "told"), [(True, True), (False, None)])
def test_a_change_of_which_no_request_was_seen(*, sees_all: bool, told: bool | None) -> None:
    exchange = Exchange()
    exchange.prepare_change()
    exchange.begin_change(sees_all=sees_all)
    assert exchange.refused_whole is told


def test_before_the_change_nothing_is_done() -> None:
    exchange = Exchange()
    exchange.prepare_change()
    exchange.begin_request("GET", "http://cloud/images/1")
    exchange.answered(404, {})
    assert exchange.refused_whole is True
