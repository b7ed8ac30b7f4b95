"""The strict reader of a request's JSON body."""

from __future__ import annotations

import asyncio
import codecs
import json
import re
from typing import Any, Final

import falcon.asgi
import orjson

from orchestrator_core.api.errors import BodyRefused, InvalidBody
from orchestrator_core.errors import InvalidParameter
from orchestrator_core.fair_threads import FairThreads

MAX_DEPTH: Final = 32
"""The greatest depth of nested objects and lists."""

MAX_MEMBERS: Final = 10_000
"""The most members and items that all objects and lists of a body have together.

Parsing 10,000 of them takes about 5 ms, whatever they are. A body of 1 MiB has room for half a
million, which take 60 to 100 ms. During that time the event loop stands still, since the parser
holds Python's lock.
"""

_IN_LOOP: Final = 16_384
"""The most bytes of a body that is parsed on the event loop; for these a thread would cost more."""

_TEXT: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""A JSON text, terminated or not. The possessive quantifiers read each byte only once."""

_DRAIN_FACTOR: Final = 8

_parser: Final = FairThreads(1, "body")
"""The thread that parses large bodies, with callers taking turns; made for the first large body.

A second one would parse nothing sooner, since a parser holds Python's lock, but the event loop
would wait for one more thread each time that it needs this lock.
"""


async def read_object(req: falcon.asgi.Request, max_body: int) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Args:
        req: the request.
        max_body: the greatest size of the body in bytes.

    Raises:
        BodyRefused: with status 413 or 415.
        InvalidParameter: when the body is not one strict JSON object in UTF-8: NaN, infinite
            numbers, duplicate keys and half surrogates are refused.
    """
    _check_type(req)
    raw = await _read(req, max_body)
    if len(raw) <= _IN_LOOP:
        return parse_object(raw)
    return await asyncio.wrap_future(_parser.submit(parse_object, raw))


def _check_type(req: falcon.asgi.Request) -> None:
    media_type, _, rest = (req.content_type or "").partition(";")
    parameters = [part.strip().lower() for part in rest.split(";") if part.strip()]
    charsets = {part.partition("=")[2].strip('"') for part in parameters}
    if media_type.strip().lower() != "application/json" or charsets - {"utf-8", "us-ascii"}:
        raise BodyRefused(
            415, "unsupported_media_type", "The body must be JSON: Content-Type: application/json"
        )
    if req.get_header("Content-Encoding", default="identity").lower() != "identity":
        raise BodyRefused(
            415, "unsupported_media_type", "The body must come without a Content-Encoding"
        )


async def _read(req: falcon.asgi.Request, max_body: int) -> bytes:
    if (req.content_length or 0) > _DRAIN_FACTOR * max_body:
        raise _too_large(max_body)
    chunks: list[bytes] = []
    size = 0
    async for chunk in req.stream:
        size += len(chunk)
        if size <= max_body:
            chunks.append(chunk)
        elif size > _DRAIN_FACTOR * max_body:
            break  # a client that sends this much gets no clean answer
    if size > max_body:
        # The rest was read first, because most clients read the answer only after sending all.
        raise _too_large(max_body)
    return b"".join(chunks)


def _too_large(max_body: int) -> BodyRefused:
    return BodyRefused(413, "body_too_large", f"The body is larger than {max_body} bytes")


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the one strict JSON object in the bytes.

    Raises:
        InvalidBody: when they are anything else; the message names the fault.
    """
    # RFC 8259, 8.1 allows a parser to ignore the byte order mark, which some clients always send.
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InvalidBody("is UTF-16; JSON is sent as UTF-8")
    if not raw.strip():
        raise InvalidBody("is empty; it must be a JSON object")
    if _has_too_many_members(raw):
        raise InvalidBody(f"has more than {MAX_MEMBERS} members and items")
    try:
        # orjson refuses JSON that is not strict; json detects duplicate keys.
        orjson.loads(raw)
        value = json.loads(raw, object_pairs_hook=_unique)
    except RecursionError:
        raise InvalidBody(f"is nested deeper than {MAX_DEPTH}") from None
    except orjson.JSONDecodeError as error:
        reason = f"is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}"
        raise InvalidBody(reason) from None
    except ValueError as error:
        raise InvalidBody(f"is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidBody("must be a JSON object")
    if _deeper(value, MAX_DEPTH):
        raise InvalidBody(f"is nested deeper than {MAX_DEPTH}")
    return value


def _has_too_many_members(raw: bytes) -> bool:
    """Return whether a body has too many members and items, without parsing it."""
    if _separators(raw, 0, len(raw)) <= MAX_MEMBERS:
        return False
    # Some of the separators may be inside texts. A loop in Python lets the event loop run
    # meanwhile.
    count = end = 0
    for text in _TEXT.finditer(raw):
        count += _separators(raw, end, text.start())
        end = text.end()
        if count > MAX_MEMBERS:
            return True
    return count + _separators(raw, end, len(raw)) > MAX_MEMBERS


def _separators(raw: bytes, start: int, end: int) -> int:
    return sum(raw.count(sign, start, end) for sign in (b",", b"{", b"["))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique: dict[str, Any] = {}
    for name, value in pairs:
        if name in unique:
            raise InvalidParameter(name[:64], "is given twice")
        unique[name] = value
    return unique


def _deeper(value: Any, limit: int) -> bool:
    """Return whether ``value`` is nested deeper than ``limit``, without recursion."""
    level = [value]
    for _ in range(limit):
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return False
    return True


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [item for item in value.values() if isinstance(item, dict | list)]
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict | list)]
    return []
