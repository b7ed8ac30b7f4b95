"""Errors of changes: whether they state that nothing was changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import hostile_server as hostile
import pytest
from hostile_clouds import SECRETS, error_once_asked, settings
from hostile_server import Behaviour, HostileServer, Peer, answer

from orchestrator_core import (
    CloudError,
    CredentialsRefused,
    Deadline,
    Image,
    InvalidAnswer,
    PluginContext,
    RateLimited,
    RequestError,
    Size,
    StartRequest,
)
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.http.exchange import Exchange

_SPACE = 'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
_INSTANCE = (
    "<item><instanceId>i-1</instanceId><instanceState><name>pending</name></instanceState>"
    "<imageId>ami-1</imageId><instanceType>t3.small</instanceType>"
    "<launchTime>2026-11-01T12:00:00.000Z</launchTime></item>"
)
_STARTED = f"<R {_SPACE}><instancesSet>{_INSTANCE}</instancesSet></R>"
_LISTED = (
    f"<R {_SPACE}><reservationSet><item><instancesSet>{_INSTANCE}</instancesSet></item>"
    "</reservationSet></R>"
)
REQUEST = StartRequest("web", Image("ami-1", "i"), Size("t3.small", "s"), marker="m")

Ec2 = Callable[..., LibcloudDriver]


def xml(text: str) -> Behaviour:
    return answer(200, text.encode(), "text/xml")


def by_action(**behaviours: Behaviour) -> Behaviour:
    """Answer each of Amazon's actions with its own reply."""

    def behave(peer: Peer) -> object:
        line = peer.request.split(b"\r\n")[0].decode()
        found = next(behave for name, behave in behaviours.items() if f"Action={name}&" in line)
        return found(peer)

    return behave


@pytest.fixture
def server() -> Iterator[HostileServer]:
    server = HostileServer(hostile.silent)
    yield server
    server.close()


@pytest.fixture
def ec2(
    server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LibcloudDriver]:
    monkeypatch.setenv("TEST_KEY", SECRETS["key"])
    monkeypatch.setenv("TEST_SECRET", SECRETS["secret"])
    loaded = LibcloudDriver.settings_schema().load(settings("ec2", server.port))
    driver = LibcloudDriver(PluginContext("aws", tmp_path), loaded)
    yield driver
    driver.close()


def start(driver: LibcloudDriver, seconds: float = 10) -> CloudError:
    with pytest.raises(CloudError) as caught:
        driver.start_vm(request=REQUEST, deadline=Deadline(seconds))
    return caught.value


def stop(driver: LibcloudDriver, seconds: float = 10) -> CloudError:
    with pytest.raises(CloudError) as caught:
        driver.stop_vm(node_id="i-1", deadline=Deadline(seconds))
    return caught.value


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [(answer(401), CredentialsRefused), (answer(429), RateLimited)],
    ids=["401", "429"],
)
def test_a_start_refused_whole_may_be_repeated(
    ec2: LibcloudDriver, server: HostileServer, behaviour: Behaviour, error: type[CloudError]
) -> None:
    server.behaviour = behaviour
    caught = start(ec2)
    assert isinstance(caught, error)
    assert caught.repeat_is_safe


def test_a_start_without_a_connection_may_be_repeated(
    ec2: LibcloudDriver, server: HostileServer
) -> None:
    server.close()
    assert start(ec2).repeat_is_safe


@pytest.mark.parametrize(
    "behaviour",
    [hostile.silent, hostile.cut_at_once, hostile.cut_body, answer(500), answer(503), answer(502)],
    ids=["silent", "cut", "cut in the body", "500", "503", "502"],
)
def test_a_start_that_may_have_arrived_may_not(
    ec2: LibcloudDriver, server: HostileServer, behaviour: Behaviour
) -> None:
    server.behaviour = behaviour
    error = error_once_asked(server, lambda seconds: start(ec2, seconds), 0.5)
    assert not error.repeat_is_safe


@pytest.mark.parametrize("behaviour", [answer(401), hostile.cut_at_once], ids=["401", "cut"])
def test_a_node_that_cannot_be_tagged_is_there_all_the_same(
    ec2: LibcloudDriver, server: HostileServer, behaviour: Behaviour
) -> None:
    server.behaviour = by_action(RunInstances=xml(_STARTED), CreateTags=behaviour)
    assert ec2.start_vm(request=REQUEST, deadline=Deadline(10)).id == "i-1"


_NO_SET = (
    f"<DescribeInstancesResponse {_SPACE}><requestId>r</requestId></DescribeInstancesResponse>"
)
_ANOTHER_SPACE = (
    '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15">'
    "<reservationSet/></DescribeInstancesResponse>"
)
_PAGE = "<!DOCTYPE html><html><body><p>Please log in</p></body></html>"


@pytest.mark.parametrize(
    "body", [_NO_SET, _ANOTHER_SPACE, _PAGE, f'<?xml version="1.0"?>{_PAGE[15:]}']
)
def test_an_answer_without_its_list_is_no_empty_list(
    ec2: LibcloudDriver, server: HostileServer, body: str
) -> None:
    server.behaviour = xml(body)
    for ask in (ec2.list_nodes, lambda deadline: ec2.get_node(node_id="i-1", deadline=deadline)):
        with pytest.raises(InvalidAnswer):
            ask(deadline=Deadline(10))


def refusal_of(code: str) -> Behaviour:
    """Refuse as Amazon does."""
    error = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
    return answer(400, f"<Response><Errors>{error}</Errors></Response>".encode(), "text/xml")


@pytest.mark.parametrize(
    ("code", "nothing_done"),
    [("InvalidAMIID.NotFound", True), ("InstanceLimitExceeded", True), ("TagLimitExceeded", None)],
)
def test_a_refusal_says_whether_something_was_made(
    ec2: LibcloudDriver, server: HostileServer, code: str, *, nothing_done: bool | None
) -> None:
    """Clouds like Amazon may create the instance before they refuse its tags."""
    server.behaviour = by_action(RunInstances=refusal_of(code))
    with pytest.raises(RequestError) as caught:
        ec2.start_vm(request=REQUEST, deadline=Deadline(10))
    assert caught.value.nothing_done is nothing_done


@pytest.mark.parametrize("status", [401, 429])
def test_nothing_is_certain_after_a_first_request_was_carried_out(status: int) -> None:
    exchange = Exchange()
    exchange.prepare_change()
    exchange.begin_change()
    for answered in (200, status):
        exchange.begin_request()
        exchange.sent()
        exchange.answered(answered, {})
        assert not exchange.nothing_done


def test_a_stop_that_failed_while_looking_may_be_repeated(
    ec2: LibcloudDriver, server: HostileServer
) -> None:
    server.behaviour = by_action(DescribeInstances=answer(500))
    assert stop(ec2).repeat_is_safe
    server.behaviour = by_action(
        DescribeInstances=xml(_LISTED),
        DescribeAddresses=xml(f"<R {_SPACE}/>"),
        TerminateInstances=answer(500),
    )
    assert not stop(ec2).repeat_is_safe
    server.behaviour = by_action(
        DescribeInstances=xml(_LISTED),
        DescribeAddresses=xml(f"<R {_SPACE}/>"),
        TerminateInstances=answer(401),
    )
    assert stop(ec2).repeat_is_safe
