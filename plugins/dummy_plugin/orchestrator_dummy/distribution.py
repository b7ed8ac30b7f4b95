"""Random lengths of time, and the syntax in which settings describe them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from marshmallow import ValidationError, fields

LONGEST = 86_400.0
"""Seconds in a day, the longest length of time here."""

_MAX_SIGMA = 10
"""Largest sigma: above it a drawn number may be too large for a float."""

_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
_CALL = re.compile(r"([a-z]+)\((.*)\)")


@dataclass(frozen=True, slots=True)
class _Kind:
    parameters: tuple[str, ...]
    draw: Callable[..., float]
    wrong: Callable[..., str] = lambda *_: ""

    def __call__(self, random: Random, numbers: tuple[float, ...]) -> float:
        return min(max(self.draw(random, *numbers), 0.0), LONGEST)


def _uniform_wrong(low: float, high: float) -> str:
    return "" if low <= high else "low is more than high"


def _lognormal_wrong(median: float, sigma: float) -> str:
    if median <= 0:
        return "the median must be more than 0"
    return "" if sigma <= _MAX_SIGMA else f"sigma must be at most {_MAX_SIGMA}"


def _exponential_wrong(mean: float) -> str:
    return "" if mean > 0 else "the mean must be more than 0"


_CONSTANT = _Kind(("seconds",), lambda _, seconds: seconds)

_KINDS = {
    "uniform": _Kind(("low", "high"), Random.uniform, _uniform_wrong),
    "normal": _Kind(("mean", "deviation"), Random.normalvariate),
    "lognormal": _Kind(
        ("median", "sigma"),
        lambda random, median, sigma: random.lognormvariate(math.log(median), sigma),
        _lognormal_wrong,
    ),
    "exponential": _Kind(
        ("mean",), lambda random, mean: random.expovariate(1 / mean), _exponential_wrong
    ),
}

_FORMS = ", ".join(f"{word}({', '.join(kind.parameters)})" for word, kind in _KINDS.items())


@dataclass(frozen=True, slots=True)
class Distribution:
    """A random length of time.

    Attributes:
        kind: the shape of the distribution.
        numbers: the parameters of that shape, most of them in seconds.
    """

    kind: _Kind
    numbers: tuple[float, ...]

    def draw(self, random: Random) -> float:
        """Return a random number of seconds, from 0 to a day."""
        return self.kind(random, self.numbers)


NEVER_LATE = Distribution(_CONSTANT, (0.0,))


def parse(value: Any) -> Distribution:
    """Parse a number of seconds, or a text like ``uniform(0.1, 0.5)``.

    Raises:
        ValidationError: the value is not valid; the message says what is.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Distribution(_CONSTANT, (_checked(float(value)),))
    if not isinstance(value, str):
        raise ValidationError(f"must be seconds or one of: {_FORMS}")
    if _NUMBER.fullmatch(value.strip()):
        return Distribution(_CONSTANT, (_checked(float(value)),))
    found = _CALL.fullmatch(value.strip())
    if found is None or found[1] not in _KINDS:
        raise ValidationError(f'"{value}" must be seconds or one of: {_FORMS}')
    return _of_kind(found[1], [part.strip() for part in found[2].split(",")])


def _of_kind(word: str, parts: list[str]) -> Distribution:
    kind = _KINDS[word]
    right = f"{word}({', '.join(kind.parameters)})"
    if len(parts) != len(kind.parameters) or not all(map(_NUMBER.fullmatch, parts)):
        raise ValidationError(f"must be {right} with numbers not below 0")
    numbers = tuple(_checked(float(part)) for part in parts)
    if wrong := kind.wrong(*numbers):
        raise ValidationError(f"{right}: {wrong}")
    return Distribution(kind, numbers)


def _checked(number: float) -> float:
    if not 0 <= number <= LONGEST:  # also refuses NaN
        raise ValidationError(f"no number may be below 0 or above {LONGEST:g}")
    return number


class DistributionField(fields.Field[Distribution]):
    """A setting that :func:`parse` parses."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Distribution:
        return parse(value)
