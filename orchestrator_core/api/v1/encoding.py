"""Version 1's answers as JSON; long lists in portions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import orjson

from orchestrator_core.api.projection import Shaped
from orchestrator_core.errors import NonsenseAnswer

T = TypeVar("T")

ShapeMany = Callable[[Any, Sequence[T]], list[Shaped]]

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
    """Return the JSON of an answer.

    Raises:
        NonsenseAnswer: when a plugin put something into it that is not JSON.
    """
    return _dumps({"status": "ok", **body})


def _dumps(body: Any) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:
        raise NonsenseAnswer("The cloud's plugin gave an answer that is no JSON") from None
