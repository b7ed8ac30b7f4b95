"""Answers as JSON, with long lists encoded in portions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

import orjson

from orchestrator_core.api.shared.encoded import Encoded
from orchestrator_core.api.shared.projection import Shaped
from orchestrator_core.errors import InvalidAnswer
from orchestrator_core.redaction import redact

T = TypeVar("T")

ShapeMany = Callable[[Any, Sequence[T]], list[Shaped]]

_MESSAGES: Final = frozenset({"detail", "message", "reason", "why"})
"""Keys whose values are sentences."""

_THINGS: Final = frozenset(
    {"nodes", "images", "flavors", "locations", "parameters", "node", "image", "extra"}
)
"""Keys whose values hold no sentences, but possibly 100,000 things."""

_FIRST: Final = 16
_MOST: Final = 100
_PORTION: Final = 262_144
"""The bytes of a long list that are encoded at a time. Encoding does not release Python's lock, so
that the event loop has to wait for the end of each portion. 256 KiB take less than 1 ms.
"""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def encode_items(shape: ShapeMany[T], of: Any, things: Sequence[T]) -> Encoded:
    """Return the JSON of a list's items, separated by commas.

    This blocks, so call it in a thread.

    Args:
        shape: the function that shapes a part of the things.
        of: the owner of the things.
        things: the things to encode.

    Raises:
        InvalidAnswer: when a plugin returned a value that is not JSON.
    """
    return Encoded(item_parts(shape, of, things))


def item_parts(shape: ShapeMany[T], of: Any, things: Sequence[T]) -> Iterator[bytes]:
    """Yield the JSON of a list's items in parts; the arguments are those of encode_items."""
    at, count = 0, _FIRST
    while at < len(things):
        items = _dumps(shape(of, things[at : at + count]))[1:-1]
        yield b"," + items if at else items
        at += count
        # Items differ in size a thousandfold, so the size of the last portion sets the next count.
        count = max(1, min(_MOST, 2 * count, count * _PORTION // len(items)))


def joined(lists: Iterable[Encoded]) -> Encoded:
    """Return the items of several lists as the items of one list, without decoding them."""
    parts: list[bytes | Encoded] = []
    for items in lists:
        if len(items):
            parts += [b",", items] if parts else [items]
    return Encoded(parts)


def grouped(items: Iterable[bytes]) -> Iterator[bytes]:
    """Yield items separated by commas, in parts of about 64 KiB."""
    part, size = [], 0
    for item in items:
        part.append(item)
        size += len(item)
        if size >= _PORTION // 4:
            yield b",".join(part)
            part, size = [b""], 0  # the empty item puts a comma before the next part
    if len(part) > 1 or size:
        yield b",".join(part)


def encode_item(shaped: Shaped) -> bytes:
    """Return the JSON of one item of a list."""
    return _dumps(shaped)


def encode_each(things: Iterable[T], shape: Callable[[T], Shaped]) -> Encoded:
    """Return the JSON of things that are shaped one by one, as :func:`encode_items` does."""
    return Encoded(grouped(_dumps(shape(thing)) for thing in things))


def _dumps(body: Any) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:
        raise InvalidAnswer("The cloud's plugin returned an answer that is not JSON") from None


def encode(body: Mapping[str, Any]) -> bytes:
    """Return the JSON of an answer with redacted messages.

    Raises:
        InvalidAnswer: when a plugin returned a value that is not JSON.
    """
    return _dumps(_redacted(body))


def encode_list(
    before: Mapping[str, Any], key: str, items: Encoded, after: Mapping[str, Any] = _NOTHING
) -> Encoded:
    """Return the JSON of an answer that contains a list.

    Args:
        before: the keys before the list.
        key: the list's key.
        items: the encoded items, see :func:`encode_items`.
        after: the keys after the list; their messages are redacted.
    """
    head = _dumps({**before, key: []})
    tail = b"," + encode(after)[1:] if after else b"}"
    return Encoded((head[:-2], items, b"]" + tail))


def _redacted(value: Any) -> Any:
    """Return the value with every message in it redacted, at any depth.

    Ids and names are not redacted. If one contains a secret by chance, callers must still be able
    to use it.
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
