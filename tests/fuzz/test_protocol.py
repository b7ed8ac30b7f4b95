"""The protocol under random bytes: no traceback, and the same requests as h11."""

from __future__ import annotations

import gc
import re
from collections import Counter

import pytest

from orchestrator_core.server.protocol import Protocol
from tests.fuzz.answers import BadAnswer, check_connection
from tests.fuzz.in_process import Harness, Outcome
from tests.fuzz.oracle import SeenRequest, requests_in
from tests.fuzz.raw_inputs import RawInput, raw_input
from tests.fuzz.runs import Run
from tests.fuzz.shrinking import shrink

PLAIN = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
TOKEN = b"t" * 32

# RFC 9112, 7.1.1 allows blanks before a chunk's extension, which h11 refuses.
_BLANKS = rb"[0-9A-Fa-f][ \t]+;"

# RFC 9110, 8.6 allows any number of leading zeros, of which h11 accepts 20.
_ZEROS = rb"(?i:content-length)\s*:\s*0\d{19}"

# h11 does not support kept connections of HTTP/1.0.
_KEPT = rb"(?s:HTTP/1\.0.*(?i:keep-alive))"

SKIPPED = re.compile(rb"|".join((_BLANKS, _ZEROS, _KEPT)))


def fault(given: RawInput, outcome: Outcome) -> str | None:
    """Return the fault of an input's outcome, or None."""
    if outcome.tracebacks:
        return f"a traceback: {outcome.tracebacks[0]}"
    if len(outcome.lines) > len(given.parts) + len(outcome.requests):
        return f"{len(outcome.lines)} lines in the log"
    theirs = requests_in(given.data)
    try:
        answers = check_connection(outcome.written, [request.method for request in theirs])
    except BadAnswer as error:
        return str(error)
    refused = sum(answer.status >= 400 for answer in answers)
    if refused and not outcome.closed:
        return "the connection of a malformed request stays open"
    if len(answers) - refused > len(theirs):
        return f"{len(answers)} answers to {len(theirs)} requests"
    return _difference([one for one in outcome.requests if one.whole], theirs)


def _difference(ours: list[SeenRequest], theirs: list[SeenRequest]) -> str | None:
    """Return the difference to h11's requests; the protocol may parse fewer, but never others."""
    for number, request in enumerate(ours):
        if number >= len(theirs):
            return f"h11 reads no request {number}: {request}"
        other = theirs[number]
        same_target = not other.target.startswith(b"/") or (
            other.target.rstrip(b"?") == request.target.rstrip(b"?")
        )
        if (request.method, request.body, True) != (other.method, other.body, other.whole):
            return f"h11 reads {other} and not {request}"
        if not same_target:
            return f"h11 reads the target {other.target!r} and not {request.target!r}"
    return None


def _least(harness: Harness, given: RawInput) -> bytes:
    """Return the shortest part of an input that fails too, sent in one piece."""

    def fails(items: list[int]) -> bool:
        shorter = RawInput((bytes(items),))
        return fault(shorter, harness.feed(shorter)) is not None

    whole: list[int] = list(given.data)
    least = shrink(whole, fails)
    return bytes(least)


@pytest.mark.parametrize("long", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_any_bytes_are_refused_or_read_as_h11_reads_them(*, long: bool) -> None:
    run = Run.of(3_000 if not long else 400_000)
    counted = Counter[str]()
    with Harness() as harness:
        for number in range(run.inputs):
            given = raw_input(run.seed, number, [TOKEN])
            if SKIPPED.search(given.data):
                continue
            outcome = harness.feed(given)
            if what := fault(given, outcome):
                least = _least(harness, given)
                pytest.fail(f"seed {run.seed}, input {number}: {what}; least input: {least!r}")
            counted["inputs"] += 1
            counted["requests"] += len(outcome.requests)
    run.report(counted)
    assert counted["requests"] > counted["inputs"] / 3  # Most of the grammar is valid.


HELLO = b"5\r\nhello\r\n0\r\n"
IN_DOUBT = {
    # After another request, gunicorn parses outside its own error handling.
    "a second request's length of 5,000 digits": (
        PLAIN + b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        [200, 400],
    ),
    "a length of more than 63 bits": (
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 20 + b"\r\n\r\n",
        [400],
    ),
    "close in one of two fields": (
        PLAIN[:-2] + b"Connection: x, close\r\nConnection: keep-alive\r\n\r\n" + PLAIN,
        [200],
    ),
    "an empty target": (PLAIN + b"CONNECT  HTTP/1.1\r\nHost: a\r\n\r\n", [200, 400]),
    "a trailer": (CHUNKED + HELLO + b"A: b\r\n\r\n", [200]),
    "a trailer without a colon": (CHUNKED + HELLO + b"no colon\r\n\r\n", [400]),
    "a bare CR as a trailer": (CHUNKED + HELLO + b"\r\r\n\r\n", [400]),
    "a folded trailer": (CHUNKED + HELLO + b" a: b\r\n\r\n", [400]),
    "a blank before a trailer's colon": (CHUNKED + HELLO + b"A : b\r\n\r\n", [400]),
    "a NUL in a trailer": (CHUNKED + HELLO + b"A: \x00\r\n\r\n", [400]),
    "a chunk size of 16 digits": (CHUNKED + b"0" * 15 + HELLO + b"\r\n", [200]),
    "a chunk size of 17 digits": (CHUNKED + b"0" * 16 + HELLO + b"\r\n", [400]),
    "a chunk size of 8,000 digits": (CHUNKED + b"f" * 8000 + HELLO + b"\r\n", [400]),
}


@pytest.mark.parametrize("case", IN_DOUBT)
def test_framing_in_doubt_is_refused(case: str) -> None:
    data, answers = IN_DOUBT[case]
    given = RawInput((data,))
    with Harness() as harness:
        outcome = harness.feed(given)
    assert fault(given, outcome) is None
    assert [answer.status for answer in check_connection(outcome.written, ())] == answers


def test_a_refused_head_has_no_body() -> None:
    with Harness() as harness:
        outcome = harness.feed(RawInput((b"HEAD / HTTP/1.1\r\nHost: a b\r\n\r\n",)))
    assert outcome.written.startswith(b"HTTP/1.1 400 ")
    assert outcome.written.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("ending", [b"", b"\r\n", PLAIN + b"x" * 9000, CHUNKED + b"5\r\nhel"])
def test_a_connection_that_has_ended_is_freed_without_the_collector(ending: bytes) -> None:
    gc.collect()
    gc.disable()
    try:
        with Harness() as harness:
            harness.feed(RawInput((PLAIN,)))
            before = _protocols()
            for _ in range(20):
                harness.feed(RawInput((PLAIN + ending,)))
            assert _protocols() <= before
    finally:
        gc.enable()


def _protocols() -> int:
    return sum(isinstance(one, Protocol) for one in gc.get_objects())


def test_a_connection_that_is_lost_before_its_request_is_served_leaves_no_traceback() -> None:
    with Harness(turns=0) as harness:
        for turns in range(8):
            harness.turns = turns
            outcome = harness.feed(RawInput((PLAIN,)))
            assert outcome.tracebacks == []
