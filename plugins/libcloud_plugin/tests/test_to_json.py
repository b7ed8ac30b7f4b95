"""Conversion of arbitrary driver objects to JSON, without secrets."""

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import XML

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_libcloud.http.secret_names import is_secret_name
from orchestrator_libcloud.nodes.to_json import plain, split


class Colour(str, Enum):  # noqa: UP042 - Libcloud's own are of this kind
    RED = "red"


class Number(IntEnum):
    ONE = 1


class Thing:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def method(self) -> None: ...


class Slotted:
    __slots__ = ("_hidden", "shown", "unset")

    def __init__(self) -> None:
        self.shown, self._hidden = 1, 2


class Hostile:
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise RuntimeError("no")


class HostileMapping(dict[Any, Any]):
    def __getitem__(self, key: Any) -> Any:
        raise KeyError(key)


CYCLE: dict[str, Any] = {"a": 1}
CYCLE["self"] = [CYCLE]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (dt.datetime(2026, 11, 1, 12, 30, tzinfo=dt.UTC), "2026-11-01T12:30:00+00:00"),
        (dt.date(2026, 11, 1), "2026-11-01"),
        (dt.timedelta(minutes=2), 120.0),
        (Decimal("1.50"), "1.50"),
        (Colour.RED, "red"),
        (Number.ONE, 1),
        (b"text", "text"),
        (b"\xff\xfe", "//4="),
        ((1, 2), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (float("nan"), None),
        (float("inf"), None),
        ("a\ud800b", "a?b"),
        (2**64 - 1, 2**64 - 1),
        (2**64, "18446744073709551616"),
        (-(2**63) - 1, "-9223372036854775809"),
        ({1: "a", None: "b", (1, "x"): "c"}, {"1": "a", "None": "b", "1,x": "c"}),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
        (PurePosixPath("/dev/sda"), "/dev/sda"),
        (XML("<a xmlns='urn:x'><b c='1'>d</b></a>"), {"a": [{"b": "d", "c": "1"}]}),
        (Thing(a=1, _b=2, driver=object(), connection=1), {"a": 1}),
        (Slotted(), {"shown": 1}),
        (object(), "<object>"),
        (HostileMapping(a=1), None),
        (CYCLE, {"a": 1, "self": [None]}),
    ],
)
def test_everything_becomes_json(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    orjson.dumps(plain(value))


def test_what_an_object_does_when_it_is_looked_at_is_its_own_affair() -> None:
    class Worse(Hostile):
        __class__ = property(lambda _self: 1 / 0)

    assert plain({"a": Hostile(), "b": Worse(), "c": 1}) == {"a": None, "b": None, "c": 1}


def test_a_very_long_number_is_still_written() -> None:
    assert str(plain(10**5000)).startswith("0x")


def test_depth_has_an_end() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    orjson.dumps(plain(deep))


def test_objects_that_share_others_come_to_an_end() -> None:
    layer: Any = [1]
    for _ in range(23):
        layer = [layer, layer, layer, layer]
    orjson.dumps(plain(layer))


@pytest.mark.parametrize(
    "name",
    [
        "password", "adminPass", "Secret", "token", "private_key", "privateKey", "api_key",
        "APIKEY", "credentials", "root_pass", "generated_password", "access-key", "userPassword",
        "passphrase", "pwd", "authToken", "secret_access_key", "PASSWORD",
    ],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "key_name", "keyname", "key_pair", "public_key", "fingerprint", "keyName", "compass",
        "passthrough", "client_token", "http_tokens", "name", "kernel_id", "",
    ],
)  # fmt: skip
def test_harmless_names(name: str) -> None:
    assert not is_secret_name(name)


def test_secrets_keep_their_place() -> None:
    public, secrets = split(
        {
            "password": "p1",
            "none": {"password": None, "token": False},
            "deep": {"er": {"adminPass": "p2", "a": 1}},
            "list": [{"token": "p3", "b": 2}, 3],
            "items": [{"key": "root-password", "value": "p4"}, {"key": "user", "value": "u"}],
            "key": Thing(name="k", private_key="p5", fingerprint="ab"),
        }
    )
    assert public == {
        "none": {"password": None, "token": False},
        "deep": {"er": {"a": 1}},
        "list": [{"b": 2}, 3],
        "items": [{"key": "root-password"}, {"key": "user", "value": "u"}],
        "key": {"name": "k", "fingerprint": "ab"},
    }
    assert secrets == {
        "password": "p1",
        "deep": {"er": {"adminPass": "p2"}},
        "list": [{"token": "p3", "b": 2}, 3],
        "items": [{"key": "root-password", "value": "p4"}, {"key": "user", "value": "u"}],
        "key": {"private_key": "p5"},
    }


def test_what_is_no_table_has_nothing_to_show() -> None:
    assert split(None) == ({}, {})
    assert split([1]) == ({}, {})


_SECRET = "hunter2-hunter2"
_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals()
    | st.fractions()
    | st.complex_numbers()
    | st.uuids()
    | st.ip_addresses()
    | st.sampled_from([Colour.RED, Number.ONE, object, len, XML("<a><b>1</b></a>")])
)
_keys = st.text() | st.integers() | st.floats() | st.none() | st.binary() | st.booleans()


def _nested(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(children)
        | st.lists(children).map(tuple)
        | st.frozensets(st.integers() | st.text())
        | st.dictionaries(_keys, children)
        | st.dictionaries(st.from_regex(r"\A[a-z]{1,8}\Z"), children).map(lambda d: Thing(**d))
        | st.dictionaries(
            st.sampled_from(["password", "adminPass", "apiToken", "x_secret"]),
            st.just(_SECRET) | st.just([_SECRET]) | st.just({"a": _SECRET}),
        )
    )


_tables = st.dictionaries(_keys, st.recursive(_leaves, _nested, max_leaves=20))


@settings(max_examples=25, deadline=None)
@given(_tables)
def test_whatever_a_driver_gives(extra: Any) -> None:
    _becomes_json(extra)


@pytest.mark.soak
@settings(max_examples=500, deadline=None)
@given(_tables)
def test_whatever_a_driver_gives_at_length(extra: Any) -> None:
    _becomes_json(extra)


def _becomes_json(extra: Any) -> None:
    public, secrets = split(extra)
    encoded = orjson.dumps(public)
    orjson.dumps(secrets)
    assert _SECRET.encode() not in encoded
    assert split(public) == (public, {})
    assert orjson.loads(encoded) == public
