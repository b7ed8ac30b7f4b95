"""Redaction of secrets and addresses in any text of a provider."""

from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core import CloudError, Secret, redact
from orchestrator_libcloud.errors.errors import Source, translate, translated
from orchestrator_libcloud.http.error_answer import ErrorAnswer
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.http.redaction import ADDRESS, LONGEST, SECRET, Redactor
from orchestrator_libcloud.private_values import PrivateValues

PASSWORD = "Pa55w0rd+of/the=settings&more"
USER = "f3a1-key-of-the-settings"
HOSTS = ("cloud.lab.corp", "10.20.30.40", "fd00::5:1", "keystone-7")
REDACT = Redactor(lambda: (PASSWORD, USER), lambda: HOSTS)
FORMS = [
    PASSWORD,
    PASSWORD.upper(),
    quote(PASSWORD, safe=""),
    html.escape(PASSWORD),
    json.dumps(PASSWORD),
    base64.b64encode(PASSWORD.encode()).decode(),
    base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
    base64.b64encode(f"a{USER}:{PASSWORD}!".encode()).decode(),
    base64.urlsafe_b64encode(f"ab{PASSWORD}".encode()).decode(),
    PASSWORD.encode().hex(),
]
ADDRESSES = [
    *HOSTS,
    "http://10.20.30.40:8774/v2.1/servers?token=x",
    "HTTPS://cloud.lab.corp/v3",
    "CLOUD.LAB.CORP:5000",
    "[fd00::5:1]:8774",
    "192.0.2.7",
    "192.0.2.7:9696",
    "2001:db8::1",
    "nova-api.internal",
    "controller:8774",
    "amqp://guest:guest@rabbit:5672//",
    "ada@cloud.lab.corp",
    "/v2.1/x?Signature=abc%2Bdef&Expires=1",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "around", ["{}", "Cannot do {} now", "id={};x", "'{}'", "a{}b", '{{"k": "{}"}}']
)
def test_the_settings_secrets_are_taken_out_in_every_form(form: str, around: str) -> None:
    found = REDACT("Refused: " + around.format(form)).lower()
    assert form.lower() not in found
    assert "55w0rd" not in found
    assert "of-the-settings" not in found


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "around", ["to {}", "({})", "'{}'", "host={}.", "{}: no route", "via {}, twice"]
)
def test_addresses_are_taken_out(address: str, around: str) -> None:
    found = REDACT("Cannot connect " + around.format(address))
    assert ADDRESS in found
    for part in (
        "lab",
        "10.20",
        "192.0",
        "db8",
        "fd00",
        "nova",
        "8774",
        "rabbit",
        "guest",
        "abc%2B",
    ):
        assert part not in found.lower()


@pytest.mark.parametrize(
    "secret",
    [
        "gAAAAABmZ2kQx7pY0b3kT9vEXAMPLEonlyQx7pY0b3kT9vW1aB2cD3eF4gH5iJ6kL7mN8oP9",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLWl0",
        "AKIAIOSFODNN7EXAMPLE",
        "0123456789abcdef0123456789abcdef01234567",
        "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(secret: str) -> None:
    assert REDACT(f"The token {secret} is wrong") == f"The token {SECRET} is wrong"
    assert secret not in REDACT(f"password={secret}; Authorization: Bearer {secret}, X: {secret}")


@pytest.mark.parametrize(
    "sentence",
    [
        "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances",
        "Policy doesn't allow os_compute_api:servers:create to be performed.",
        "Image 5f3c1d1e-0000-4000-8000-000000000001 could not be found.",
        "The zone 'projects/p/zones/europe-west1-b' does not have enough resources available",
        "Required 'compute.instances.create' permission for 'projects/p/zones/z/instances/vm-1'",
        "Invalid value 'm5.large' for InstanceType ecs.g6.2xlarge, image debian-12.qcow2",
        "Operation results in exceeding approved standardDSv3Family Cores quota. Current Limit: 4",
        "Request req-5f3c1d1e-0000-4000-8000-000000000001 at 12:30:05 needs version 2.37",
        "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)",
        "Kontingent für Größe überschritten",
    ],
)
def test_what_people_need_stays(sentence: str) -> None:
    assert REDACT(sentence) == sentence


def test_it_is_one_printable_line_of_bounded_length() -> None:
    found = REDACT("one\ntwo\tthree\x00\x1b[31m\u202efour " + "many words " * 100)
    assert found.startswith("one two three [31m four many")
    assert found.isprintable()
    assert len(found) <= LONGEST
    assert " … " in found


@pytest.mark.parametrize("value", ["x" * 4000, "x " * 2000], ids=["word", "words"])
def test_a_long_value_does_not_hide_the_reason_after_it(value: str) -> None:
    """Nova quotes the refused value twice before it says what is wrong."""
    told = f"Invalid input for field/attribute name. Value: {value}. '{value}' is too long"
    found = REDACT(told)
    assert found.startswith("Invalid input for field/attribute name. Value: x")
    assert found.endswith(("x' is too long", "x ' is too long"))
    assert len(found) <= LONGEST


def test_nothing_is_shown_of_which_nothing_is_left() -> None:
    assert REDACT("https://10.20.30.40/x") == ""
    assert REDACT("") == REDACT(" \n") == ""


def test_short_secrets_are_taken_out_as_words() -> None:
    redact = Redactor(lambda: ("ada",))
    assert redact("ada may not see the Canada region of ada") == (
        f"{SECRET} may not see the Canada region of {SECRET}"
    )


@pytest.mark.parametrize(
    "text",
    ["a" * 65_536, "a." * 32_768, "a-" * 32_768, ":" * 65_536, "1:" * 32_768, "image " * 10_000,
     "x=" * 32_768, "password" * 8_192, "aA1" * 21_845, "://" * 21_845, "exceeds " * 8_000,
     "@a." * 21_845, "0.0.0." * 10_000, "?a=" * 21_845],
    ids=lambda text: text[:9],
)  # fmt: skip
def test_the_longest_answer_takes_no_long_time(text: str) -> None:
    begun = time.process_time()
    for body in (text.encode(), json.dumps({"message": text}).encode()):
        translate(Exception(text), "os", None, _answered(400, body), Source(REDACT))
    assert time.process_time() - begun < 5


def test_a_code_is_cleaned_too() -> None:
    source = Source(Redactor(lambda: ("4711471147",), lambda: HOSTS))
    for code in ("4711471147", "cloud.lab.corp", "Get:http://10.20.30.40/x"):
        body = json.dumps({"errorcode": code, "errortext": "It was refused"}).encode()
        told = translate(Exception("x"), "os", None, _answered(400, body), source).message
        assert told.startswith("Cloud os refused this: It was refused (")
        assert code not in told


_PIECES = st.sampled_from([*FORMS, *ADDRESSES, " ", "\n", "'", ": ", "Quota exceeded", "\x00", "="])
_TEXTS = st.lists(st.one_of(_PIECES, st.text(max_size=12)), max_size=12).map("".join)


@settings(deadline=None)
@given(
    text=_TEXTS,
    status=st.sampled_from([400, 401, 403, 404, 409, 413, 422, 429, 500, 503, 535]),
    shape=st.integers(0, 5),
    starts=st.booleans(),
)
def test_no_message_holds_a_secret_or_an_address(
    text: str,
    status: int,
    shape: int,
    starts: bool,  # noqa: FBT001 - hypothesis passes it
) -> None:
    escaped = html.escape(text)
    bodies = (
        json.dumps({"badRequest": {"code": status, "message": text}}),
        json.dumps({"error": {"code": text, "message": text, "errors": [{"reason": text}]}}),
        json.dumps({"errors": [text, {"reason": text, "field": text}]}),
        f"<Errors><Error><Code>{escaped}</Code><Message>{escaped}</Message></Error></Errors>",
        text,
        json.dumps(text),
    )
    body = bodies[shape].encode("utf-8", "replace")
    for error in (Exception(text), KeyError(text), ValueError(text)):
        for exchange in (_answered(status, body), Exchange()):
            told = translate(error, "os", None, exchange, Source(REDACT, starts=starts)).message
            assert told.isprintable()
            assert len(told) < LONGEST + 300
            for form in (*FORMS, *HOSTS, "192.0.2.7", "://"):
                assert form.lower() not in told.lower()


def _answered(status: int, body: bytes) -> Exchange:
    exchange = Exchange()
    exchange.begin_request()
    exchange.answered(status, {})
    exchange.error = ErrorAnswer.of("POST", "/servers", status, body)
    return exchange


def test_what_of_the_settings_is_private() -> None:
    private = PrivateValues()
    settings = {
        "arguments": {"ex_tenant_name": "physics", "token": "t0k", "extra": Secret("env:X")}
    }
    arguments = {
        "user_id": "ada",
        "key": "first",
        "extra": "hidden",
        "ex_tenant_name": "physics",
        "token": "t0k",
        "ex_force_service_region": "RegionOne",
        "ex_force_auth_url": "https://keystone.lab:5000/v3",
    }
    auth = {"application_credential_secret": "app", "project_name": "physics"}
    private.note(settings, arguments, auth)
    private.note({**settings, "host": "nova.lab"}, {**arguments, "key": "second"})
    private.note_proxy("http://me:p%40ss@proxy.lab:3128")
    assert set(private.secrets()) == {
        "ada", "first", "second", "hidden", "t0k", "app", "p%40ss", "p@ss",
    }  # fmt: skip
    assert {"keystone.lab", "nova.lab", "proxy.lab"} <= set(private.hosts())


def test_the_core_knows_the_tokens_that_a_request_carried() -> None:
    exchange = Exchange()
    exchange.begin_request()
    cookie = "session=cookie-of-a-session-7; path=x"
    headers = {"X-Auth-Token": "gAAAA-of-a-login-1", "Authorization": "Bearer bearer-of-a-login-2",
               "Cookie": cookie}  # fmt: skip
    url = "http://127.0.0.1/x?api_key=key-in-a-query-3&Signature=signature-of-one-request"
    exchange.request = requests.Request("GET", url, headers=headers).prepare()
    with pytest.raises(CloudError), translated("os", exchange):
        raise RuntimeError("it went wrong")
    for token in ("gAAAA-of-a-login-1", "bearer-of-a-login-2", "cookie-of-a-session-7",
                  "key-in-a-query-3"):  # fmt: skip
        assert redact(f"it said {token}") == "it said ***"
    assert "signature-of" in redact("signature-of-one-request")


def test_the_core_knows_the_passwords_of_other_files_and_of_proxies() -> None:
    private = PrivateValues()
    auth = {"password": "correcthorsebattery", "username": "administrator"}
    private.note({"arguments": {}}, {"user_id": "administrator"}, auth)
    private.note_proxy("http://me:p%40ssword-9@proxy.lab:3128")
    assert redact("correcthorsebattery, p@ssword-9 of an administrator") == (
        "***, *** of an administrator"
    )
