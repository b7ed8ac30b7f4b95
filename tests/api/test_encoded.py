"""Long answers: encoded in portions and in a file, with the same text as in one piece."""

from __future__ import annotations

import asyncio
import tempfile
import tracemalloc
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from orchestrator_core.api.portions import PORTION, in_portions
from orchestrator_core.api.shared.encoded import IN_MEMORY, Encoded
from orchestrator_core.api.shared.encoding import encode_each, encode_items, encode_list, joined
from orchestrator_core.api.turns import Turns

ROWS = [{"id": str(number), "extra": "é" * (number % 7 * 1000)} for number in range(2_000)]

OK = {"status": "ok"}


def shape(_of: None, rows: Any) -> list[dict[str, Any]]:
    return list(rows)


async def sent(encoded: Encoded) -> bytes:
    return b"".join([portion async for portion in encoded.portions()])


@pytest.fixture(params=["a disk", "no disk"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no disk":
        monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 2_000])
def test_a_list_in_portions_is_the_list(count: int) -> None:
    rows = ROWS[:count]
    wanted = orjson.dumps({"status": "ok", "nodes": rows, "next": None})
    encoded = encode_list(OK, "nodes", encode_items(shape, None, rows), {"next": None})
    assert bytes(encoded) == wanted
    assert asyncio.run(sent(encoded)) == wanted
    assert len(encoded) == len(wanted)
    each = encode_each(rows, lambda row: row)
    assert bytes(encode_list(OK, "nodes", each, {"next": None})) == wanted


@pytest.mark.usefixtures("disk")
def test_lists_are_joined_without_those_that_are_empty() -> None:
    parts = [ROWS[:0], ROWS[:900], ROWS[:0], ROWS[900:1000], ROWS[1000:]]
    items = joined(encode_items(shape, None, part) for part in parts)
    wanted = {"nodes": ROWS, "complete": False, "clouds": [1]}
    encoded = encode_list({}, "nodes", items, {"complete": False, "clouds": [1]})
    assert bytes(encoded) == orjson.dumps(wanted)
    assert asyncio.run(sent(encoded)) == orjson.dumps(wanted)


def test_rows_of_every_size_are_encoded_in_small_portions() -> None:
    taken: list[int] = []

    def counting(_of: None, rows: Any) -> list[dict[str, Any]]:
        taken.append(len(orjson.dumps(rows)))
        return list(rows)

    rows = [{"extra": "x" * size} for size in [10] * 3_000 + [20_000] * 600 + [300_000] * 50]
    encode_items(counting, None, rows)
    assert sum(taken) > 27_000_000
    assert len(taken) < 170
    # If the rows are longer than expected, one portion has as many rows as the last one.
    assert sorted(taken)[-5] < 400_000
    assert max(taken) < 4_000_000


def test_only_the_beginning_of_a_long_text_is_kept_in_memory() -> None:
    def parts() -> Iterator[bytes]:
        for number in range(200):
            yield bytes([number]) * 100_000

    tracemalloc.start()
    try:
        encoded = Encoded(parts())
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(encoded) == 20_000_000
    assert kept < IN_MEMORY + 100_000
    assert bytes(encoded) == b"".join(parts())


def test_a_long_message_is_sent_in_portions_and_a_short_one_as_it_is() -> None:
    messages: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    async def pass_on(message: dict[str, Any]) -> None:
        await in_portions(send, Turns())(message)

    short = {"type": "http.response.body", "body": b"short"}
    asyncio.run(pass_on(short))
    assert messages.pop() is short
    text = bytes(range(256)) * 1_000
    for more in (True, False):
        message = {"type": "http.response.body", "body": text, "more_body": more}
        asyncio.run(pass_on(message))
        assert b"".join(one["body"] for one in messages) == text
        assert max(len(one["body"]) for one in messages) == PORTION
        assert [one["more_body"] for one in messages] == [True] * (len(messages) - 1) + [more]
        messages.clear()
