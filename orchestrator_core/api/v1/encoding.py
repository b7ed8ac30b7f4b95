"""Version 1's answers as JSON; long lists in portions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

import orjson

from orchestrator_core.api.encoded import Encoded
from orchestrator_core.api.projection import Shaped
from orchestrator_core.errors import NonsenseAnswer
from orchestrator_core.redaction import redact

T = TypeVar("T")

ShapeMany = Callable[[Any, Sequence[T]], list[Shaped]]

_MESSAGES: Final = frozenset({"message", "reason", "why"})
"""Keys under which sentences stand."""

_THINGS: Final = frozenset({"nodes", "images", "flavors", "locations", "parameters"})
"""Keys under which no sentence stands, and maybe 100,000 things."""

_FIRST: Final = 16
_MOST: Final = 100
_PORTION: Final = 262_144
"""Bytes of a long list that are encoded at a time. Encoding does not let go of Python's lock, and
the event loop would have to wait for the end of all of them; 256 KiB take less than 1 ms."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def encode_items(shape: ShapeMany[T], of: Any, things: Sequence[T]) -> Encoded:
    """Return the JSON of a list's items, with commas between them. Blocks: call it in a thread.

    Args:
        shape: makes the answers of some of the things.
        of: what they belong to.
        things: the things.

    Raises:
        NonsenseAnswer: when a plugin put something into it that is not JSON.
    """
    return Encoded(_items(shape, of, things))


def _items(shape: ShapeMany[T], of: Any, things: Sequence[T]) -> Iterator[bytes]:
    at, count = 0, _FIRST
    while at < len(things):
        items = _dumps(shape(of, things[at : at + count]))[1:-1]
        yield b"," + items if at else items
        at += count
        # Rows differ in size a thousandfold: the last portion tells how many fit the next.
        count = max(1, min(_MOST, 2 * count, count * _PORTION // len(items)))


def joined(lists: Iterable[Encoded]) -> Encoded:
    """Return the items of several lists as those of one, without decoding them."""
    parts: list[bytes | Encoded] = []
    for items in lists:
        if len(items):
            parts += [b",", items] if parts else [items]
    return Encoded(parts)


def grouped(items: Iterable[bytes]) -> Iterator[bytes]:
    """Yield items with commas between them, in parts of about 64 KiB."""
    part, size = [], 0
    for item in items:
        part.append(item)
        size += len(item)
        if size >= _PORTION // 4:
            yield b",".join(part)
            part, size = [b""], 0  # begins the next part with a comma
    if len(part) > 1 or size:
        yield b",".join(part)


def encode_item(shaped: Shaped) -> bytes:
    """Return the JSON of one item of a list."""
    return _dumps(shaped)


def encode_each(things: Iterable[T], shape: Callable[[T], Shaped]) -> Encoded:
    """Return the JSON of things that are shaped one by one, as :func:`encode_items`."""
    return Encoded(grouped(_dumps(shape(thing)) for thing in things))


def encode_list(
    key: str,
    items: Encoded,
    after: Mapping[str, Any] = _NOTHING,
    before: Mapping[str, Any] = _NOTHING,
) -> Encoded:
    """Return the JSON of an answer with a list in it.

    Args:
        key: the list's.
        items: see :func:`encode_items`.
        after: keys behind the list.
        before: keys between ``status`` and the list; they may replace the status.
    """
    head = _dumps({"status": "ok", **_redacted(before), key: []})
    tail = b"," + _dumps(_redacted(after))[1:] if after else b"}"
    return Encoded((head[:-2], items, b"]" + tail))


def encode(body: Mapping[str, Any]) -> bytes:
    """Return the JSON of an answer; its messages are redacted.

    Raises:
        NonsenseAnswer: when a plugin put something into it that is not JSON.
    """
    return _dumps({"status": "ok", **_redacted(body)})


def _redacted(value: Any) -> Any:
    """Return the same with every message in it redacted, at any depth.

    Ids and names stay as they are: what a secret stands in by chance must be found by them.
    """
    if isinstance(value, Mapping):
        return {
            key: redact(item)
            if key in _MESSAGES and isinstance(item, str)
            else item
            if key in _THINGS
            else _redacted(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value


def _dumps(body: Any) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:
        raise NonsenseAnswer("The cloud's plugin gave an answer that is no JSON") from None
