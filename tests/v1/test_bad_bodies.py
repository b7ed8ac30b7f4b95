"""Invalid bodies: each with its documented answer, none with a stack trace."""

from __future__ import annotations

import json
from typing import Any

import pytest

GOOD = b'{"name": "a", "image": "1", "size": "1"}'


def with_metadata(value: bytes) -> bytes:
    return GOOD[:-1] + b', "metadata": {"a": ' + value + b"}}"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is empty"),
        (b" \r\n ", "is empty"),
        (b"{", "is not valid JSON"),
        (b"{'name': 1}", "is not valid JSON"),
        (GOOD + b"x", "is not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"true", "must be a JSON object"),
        (b"1", "must be a JSON object"),
        (b'{"name": "\xff"}', "is not valid JSON"),
        (b"\xef\xbb\xbf" * 2 + GOOD, "is not valid JSON"),
        (b"\xef\xbb\xbf", "is empty"),
        (GOOD.decode().encode("utf-16"), "is UTF-16; JSON is sent as UTF-8"),
        (b'{"name": "\\ud800"}', "is not valid JSON"),
        (b'{"name": "\xed\xa0\x80"}', "is not valid JSON"),
        (b'{"name": "a\x00"}', "is not valid JSON"),
        (with_metadata(b"NaN"), "is not valid JSON"),
        (with_metadata(b"-Infinity"), "is not valid JSON"),
        (with_metadata(b"1e999"), "is not valid JSON"),
        (with_metadata(b"9" * 5000), "is not valid JSON"),
        (with_metadata(b"[" * 40 + b"]" * 40), "is nested deeper than 32"),
        (with_metadata(b"[" * 2000 + b"]" * 2000), "is not valid JSON"),
        (b"[" * 200_000 + b"]" * 200_000, "has more than 10000 members"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "has more than 10000 members"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_what_is_not_one_strict_json_object(raw: Any, body: bytes, why: str) -> None:
    answer = raw.send(body)
    error = answer.error()
    assert answer.status == 400
    assert error["message"].startswith("Param not valid: body: " + why)
    assert error["error_code"] == "invalid_parameter"
    assert error["field"] == "body"


def test_a_byte_order_mark_before_the_object_is_dropped(raw: Any) -> None:
    nowhere = b'{"name": "a", "image": "nowhere", "size": "1"}'
    assert raw.send(b"\xef\xbb\xbf" + nowhere).error()["error_code"] == "image_not_found"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"name": "a", "name": "b"}', "name"),
        (with_metadata(b'{"x": 1, "y": 2, "x": 1}'), "x"),
    ],
)
def test_a_key_given_twice(raw: Any, body: bytes, field: str) -> None:
    error = raw.send(body).error()
    assert (error["status_code"], error["field"]) == (400, field)
    assert error["message"] == f"Param not valid: {field}: is given twice"


START = {"name": "a", "image": "1", "size": "1"}
ASSIGN = {"node": "1", "user": "u", "vm_type": "t"}
ROUTES: dict[str, tuple[bytes, dict[str, Any], list[str]]] = {
    "start": (b"POST /api/v1/vm/start", START, ["name", "image", "size"]),
    "stop": (b"PUT /api/v1/vm/stop", {"node": "1"}, ["node"]),
    "assign": (b"PUT /api/v1/vm/action/assign", ASSIGN, ["node", "user", "vm_type"]),
    "release": (b"PUT /api/v1/vm/action/release", {"node": "1"}, ["node"]),
    "renew": (b"PUT /api/v1/vm/action/renew", {"node": "1", "lease": "8h"}, ["node", "lease"]),
}
WRONG: list[tuple[Any, str]] = [
    ("", "must not be empty"),
    ("  ", "must not be empty"),
    (None, "must not be null"),
    (1, "must be a string"),
    (True, "must be a string"),
    (["1"], "must be a string"),
    ({"a": 1}, "must be a string"),
    ("a\x00", "must not contain control characters"),
    ("a\nb", "must not contain control characters"),
    ("a" * 1025, "must not be longer than 1024 characters"),
]


@pytest.mark.parametrize("route", ROUTES)
def test_each_field_of_each_request(raw: Any, route: str) -> None:
    target, good, required = ROUTES[route]
    for field in required:
        for value, why in WRONG:
            answer = raw.send(json.dumps({**good, field: value}).encode(), target=target)
            error = answer.error()
            assert answer.status == 400
            assert error["message"] == f"Param not valid: {field}: {why}", (field, value)
        missing = {key: value for key, value in good.items() if key != field}
        error = raw.send(json.dumps(missing).encode(), target=target).error()
        assert error["status_code"] == 400
        assert error["message"].startswith(f"Param not valid: {field}: is missing")


@pytest.mark.parametrize("route", ROUTES)
def test_an_unknown_field_is_named_with_the_nearest_known_one(raw: Any, route: str) -> None:
    target, good, required = ROUTES[route]
    misspelt = required[0] + "s"
    error = raw.send(json.dumps({**good, misspelt: "x"}).encode(), target=target).error()
    assert error["message"] == (
        f'Param not valid: {misspelt}: is not a known field; did you mean "{required[0]}"?'
    )


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("keyname", "", "must not be empty"),
        ("keyname", 1, "must be a string"),
        ("keyname", None, "must not be null"),
        ("metadata", "x", "must be an object"),
        ("metadata", [], "must be an object"),
        ("metadata", None, "must not be null"),
    ],
)
def test_the_optional_fields_of_a_start(raw: Any, field: str, value: Any, why: str) -> None:
    error = raw.send(json.dumps({**START, field: value}).encode()).error()
    assert error["message"] == f"Param not valid: {field}: {why}"


FORM = 'must be a duration such as "8h", "90s" or "1h30m"'


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "must not be null"),
        (3600, "must be a string"),
        ("", "must not be empty"),
        ("8", FORM),
        ("8 h", FORM),
        (" 8h", FORM),
        ("-8h", FORM),
        ("1.5h", FORM),
        ("8H", FORM),
        ("8h\u0660m", FORM),
        ("30m1h", FORM),
        ("1h1h", FORM),
        ("1w", FORM),
        ("9" * 10 + "s", FORM),
        ("0s", "must not be shorter than 1s"),
        ("0d0h0m0s", "must not be shorter than 1s"),
        ("366d", "must not be longer than 365d"),
        ("365d1s", "must not be longer than 365d"),
    ],
)
def test_what_is_no_lease(raw: Any, value: Any, why: str) -> None:
    for target, body in (ROUTES["renew"][:2], (b"PUT /api/v1/vm/action/assign", ASSIGN)):
        error = raw.send(json.dumps({**body, "lease": value}).encode(), target=target).error()
        assert error["message"] == f"Param not valid: lease: {why}"
        assert error["field"] == "lease"


@pytest.mark.parametrize(
    ("value", "why"), [(None, "must not be null"), ("maybe", "must be true or false"), ([], "")]
)
def test_emulate_is_a_boolean(raw: Any, value: Any, why: str) -> None:
    body = json.dumps({**ASSIGN, "emulate": value}).encode()
    error = raw.send(body, target=b"PUT /api/v1/vm/action/assign").error()
    assert error["message"].startswith(f"Param not valid: emulate: {why}")


@pytest.mark.parametrize("value", [True, "True", "true", "1", 1, "yes", "on"])
def test_emulate_is_true_as_marshmallow_takes_it(raw: Any, value: Any) -> None:
    body = json.dumps({**ASSIGN, "emulate": value}).encode()
    assert raw.send(body, target=b"PUT /api/v1/vm/action/assign").status == 200


def test_several_faults_are_told_at_once(raw: Any) -> None:
    error = raw.send(b'{"name": "", "size": 1, "colour": "red"}').error()
    for part in ("name: must not", "image: is missing", "size: must be", "colour: is not"):
        assert part in error["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({**START, "image": "99"}, "There is no image '99'"),
        ({**START, "size": "99"}, "There is no size '99'"),
    ],
)
def test_what_the_cloud_does_not_have(raw: Any, body: dict[str, str], message: str) -> None:
    error = raw.send(json.dumps(body).encode()).error()
    assert (error["status_code"], error["message"]) == (400, message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"node": "99"}, "There is no node '99'"),
        ({"hostname": "no-such"}, "There is no node with the hostname 'no-such'"),
        (
            {"node": "1", "hostname": "dummy-2"},
            "Param not valid: hostname: 'dummy-2' is node 2, but node is '1'",
        ),
    ],
)
def test_what_cannot_be_stopped(raw: Any, body: dict[str, str], message: str) -> None:
    error = raw.send(json.dumps(body).encode(), target=b"PUT /api/v1/vm/stop").error()
    assert (error["status_code"], error["message"]) == (400, message)
    assert len(json.loads(raw.get(b"/api/v1/nodes").body)["nodes"]) == 2


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        b"text/plain",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"application/jsonx",
        b"application/json; charset=latin-1",
    ],
)
def test_the_wrong_content_type(raw: Any, content_type: bytes | None) -> None:
    error = raw.send(GOOD, content_type=content_type).error()
    assert (error["status_code"], error["error_code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    [b"application/json", b"Application/JSON", b'application/json;charset="UTF-8"'],
)
def test_the_right_content_type(raw: Any, content_type: bytes) -> None:
    assert raw.send(b"{}", content_type=content_type).status == 400


def test_an_encoded_body_is_refused(raw: Any) -> None:
    assert raw.send(GOOD, headers=b"Content-Encoding: gzip\r\n").error()["status_code"] == 415


def test_a_body_of_2_mb(raw: Any) -> None:
    body = b'{"name": "' + b"a" * 2_000_000 + b'"}'
    assert raw.send(body).error()["status_code"] == 413
    chunked = (
        b"POST /api/v1/vm/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    )
    assert raw(chunked).error()["error_code"] == "body_too_large"
