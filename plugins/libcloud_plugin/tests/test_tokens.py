"""Tokens of logins: the core knows them at once, whatever the result of the call."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import requests
from any_host import Reply, Request

from orchestrator_core import Deadline, OrchestratorError, redact
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.http import tokens

Served = Callable[..., LibcloudDriver]


def _json(**body: Any) -> Reply:
    return Reply(json.dumps(body).encode(), headers=(("Content-Type", "application/json"),))


LOGINS: dict[str, Callable[[str], Reply]] = {
    # Each login gets half an answer: the driver fails before it uses the token.
    "azure_arm": lambda token: _json(access_token=token, token_type="Bearer"),
    "vcloud": lambda token: Reply(b"<", headers=(("x-vcloud-authorization", token),)),
    "brightbox": lambda token: Reply(json.dumps({"token": token}).encode()),
}


@pytest.mark.parametrize("provider", LOGINS)
def test_a_token_is_known_once_a_login_gives_it(
    served: Served, deadline: Deadline, provider: str
) -> None:
    token = secrets.token_urlsafe(24)
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.path)
        return LOGINS[provider](token)

    driver = served(provider, answer)
    with suppress(OrchestratorError):
        driver.list_nodes(deadline=deadline)
    assert asked
    assert redact(f"it said {token}") == "it said ***"
    assert redact("a Bearer") == "a Bearer"


def test_a_token_is_known_though_all_goes_well(served: Served, deadline: Deadline) -> None:
    token = secrets.token_urlsafe(24)

    def answer(request: Request) -> Reply:
        if request.path.endswith("/token"):
            return _json(access_token=token, expires_on="4070908800")
        return _json(value=[])

    assert served("azure_arm", answer).list_nodes(deadline=deadline) == []
    assert redact(f"it said {token}") == "it said ***"


def test_the_hash_that_opennebula_is_sent_is_found() -> None:
    hashed = hashlib.sha1(b"s3cret", usedforsecurity=False).hexdigest()
    request = requests.Request("GET", "https://one.lab/compute", auth=("ann", hashed)).prepare()
    assert hashed in tokens.of_request(request)


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"vmware-api-session-id": "{}"}, "https://vc.lab/rest"),
        ({"x-vcloud-authorization": "{}"}, "https://vc.lab/api"),
        ({"Cookie": "a=1; vcloud-token={}; path=/"}, "https://vc.lab/api"),
        ({"Authorization": "OAuth {}"}, "https://b.lab/1.0"),
        ({"X-Amz-Security-Token": "{}"}, "https://ec2.lab"),
        (
            {},
            "https://cs.lab/api?command=listVirtualMachines&apiKey={}&signature=of-this-request-1",
        ),
    ],
    ids=["vsphere-rest", "vcloud-1.5", "vcloud-0.8", "brightbox", "ec2", "cloudstack"],
)
def test_what_a_request_carries_is_known(headers: dict[str, str], url: str) -> None:
    token = secrets.token_urlsafe(24)
    sent = {name: value.format(token) for name, value in headers.items()}
    request = requests.Request("GET", url.format(token), headers=sent).prepare()
    assert list(tokens.of_request(request)) == [token]


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=x, Signature=y"}, "https://ec2.lab"),
        ({"Authorization": "SharedKey account:signature-of-it"}, "https://blob.lab"),
        ({"Cookie": "AWSALB=balancer-of-this-answer"}, "https://lab"),
        ({}, "https://gce.lab/?pageToken=page-two-of-many-1"),
    ],
    ids=["amazon", "azure-storage", "balancer", "page"],
)
def test_what_changes_with_each_request_is_not_remembered(
    headers: dict[str, str], url: str
) -> None:
    assert list(tokens.of_request(requests.Request("GET", url, headers=headers).prepare())) == []


def test_session_cookies_of_an_answer_are_found() -> None:
    header = 'vmware_soap_session="a-session-of-it"; Path=/; Secure, AWSALB=other-cookie-1; Path=/'
    assert list(tokens.of_cookies(header)) == ["a-session-of-it"]
