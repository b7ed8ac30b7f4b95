"""The cost of parsing a body: at most in proportion to its length."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from orchestrator_core.api.body import MAX_MEMBERS, parse_object
from orchestrator_core.api.shared.requests import StartRequestSchema, load
from orchestrator_core.errors import InvalidParameter

SHAPES = {
    "one key many times": (b"{", b'"a":1,', b'"a":1}'),
    "many keys": (b"{", b'"%d":1,', b'"a":1}'),
    "a key of one letter": (b'{"', b"k", b'":1}'),
    "a text of commas": (b'{"name":"', b",", b'"}'),
    "texts of commas": (b'{"name":[', b'",",', b"1]}"),
    "a text without an end": (b'{"', b'\\",', b""),
    "escapes": (b'{"name":"', b"\\u00e9", b'"}'),
    "backslashes": (b'{"', b"\\", b""),
    "quotes": (b"", b'"', b""),
    "opening brackets": (b'{"a":', b"[", b""),
    "empty objects": (b'{"a":[', b"{},", b"1]}"),
    "floats": (b'{"a":[', b"1e308,", b"1]}"),
    "digits": (b'{"a":0.', b"9", b"}"),
    "blanks": (b"{", b" ", b"}"),
    "blanks in a text": (b'{"name":"', b" ", b'"}'),
}


def body(shape: str, length: int) -> bytes:
    head, part, tail = SHAPES[shape]
    count = length // len(part)
    filled = (part % n for n in range(count)) if b"%d" in part else (part for _ in range(count))
    return head + b"".join(filled) + tail


def seconds(raw: bytes) -> float:
    """Return the processor's time, which other processes do not lengthen."""

    def once() -> float:
        begun = time.thread_time()
        with suppress(InvalidParameter):
            load(StartRequestSchema(), parse_object(raw))
        return time.thread_time() - begun

    return min(once() for _ in range(5))


@pytest.mark.parametrize("shape", SHAPES)
def test_four_times_the_body_costs_no_more_than_about_four_times(shape: str) -> None:
    short, long = seconds(body(shape, 2**17)), seconds(body(shape, 2**19))
    # A quadratic cost would be 16 times; a body that is refused at once costs next to nothing.
    assert long < 10 * short + 0.005


@pytest.mark.parametrize("shape", ["one key many times", "many keys", "empty objects", "floats"])
def test_a_body_of_too_many_members_is_refused_unparsed(shape: str) -> None:
    with pytest.raises(InvalidParameter, match=f"has more than {MAX_MEMBERS} members and items"):
        parse_object(body(shape, 2**19))


def test_commas_in_texts_are_no_members() -> None:
    raw = b'{"name": "%b"}' % (b"," * 2 * MAX_MEMBERS)
    assert len(parse_object(raw)["name"]) == 2 * MAX_MEMBERS


def test_an_error_of_thousands_of_unknown_fields_tells_of_eight() -> None:
    with pytest.raises(InvalidParameter) as caught:
        load(StartRequestSchema(), {f"key{n}": n for n in range(MAX_MEMBERS)})
    assert caught.value.message.count(";") == 7
