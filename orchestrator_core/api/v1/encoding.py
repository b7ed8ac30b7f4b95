"""Version 1's answers as JSON; long lists in portions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import orjson

from orchestrator_core.api.projection import Shaped
from orchestrator_core.errors import NonsenseAnswer
from orchestrator_core.redaction import redact

T = TypeVar("T")

ShapeMany = Callable[[Any, Sequence[T]], list[Shaped]]

_MESSAGES: Final = frozenset({"message", "reason", "why"})
"""Keys under which sentences stand."""

_THINGS: Final = frozenset({"nodes", "images", "flavors", "locations", "parameters"})
"""Keys under which no sentence stands, and maybe 100,000 things."""

_PORTION: Final = 500
"""How many things of a long list are shaped and encoded at a time: encoding does not let go
of Python's lock, and the event loop would have to wait for the end of all of them."""


def encode_list(shape: ShapeMany[T], of: Any, things: Sequence[T]) -> bytes:
    """Return the JSON of a list.

    Args:
        shape: makes the answers of some of the things.
        of: what they belong to.
        things: the things.

    Raises:
        NonsenseAnswer: when a plugin put something into it that is not JSON.
    """
    portions = (things[at : at + _PORTION] for at in range(0, len(things), _PORTION))
    return joined([_dumps(shape(of, portion)) for portion in portions])


def joined(lists: Sequence[bytes]) -> bytes:
    """Return encoded lists as one, without decoding them."""
    return b"[" + b",".join(part for one in lists if (part := one[1:-1])) + b"]"


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
