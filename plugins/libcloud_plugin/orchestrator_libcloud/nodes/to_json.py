"""Conversion of a driver's ``extra`` into JSON, with its secrets separated."""

from __future__ import annotations

import base64
import datetime as dt
import enum
import ipaddress
import math
import pathlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any, Final
from xml.etree.ElementTree import Element

from orchestrator_libcloud.http.secret_names import is_secret_name

Json = Any
Secrets = dict[str, Any]

_MAX_DEPTH: Final = 24
_MAX_VALUES: Final = 200_000
"""Objects that share others can produce far more JSON than the memory that they use."""

_LARGEST: Final = 2**64 - 1
_SMALLEST: Final = -(2**63)
_TEXT_TYPES: Final = (
    Decimal,
    uuid.UUID,
    pathlib.PurePath,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)
_BACK_REFERENCES: Final = frozenset({"driver", "connection"})


def split(value: Any) -> tuple[dict[str, Json], Secrets]:
    """Return a driver's ``extra`` as JSON, and its secret part.

    The secret part has the shape of the first, so that the two can be merged again. A list that
    contains a secret is in the secret part as a whole. Never raises.
    """
    public, secret = _divide(plain(value))
    return (public, secret) if isinstance(public, dict) else ({}, {})


def plain(value: Any) -> Json:
    """Return ``value`` as JSON without anything that a strict encoder refuses. Never raises."""
    return _Converter().convert(value)


def text(value: str) -> str:
    """Return an ordinary string without lone surrogates, which are not valid Unicode text."""
    return str.encode(value, "utf-8", "replace").decode("utf-8")


def _digits(number: int) -> str:
    try:
        return str(number)
    except ValueError:
        return hex(number)  # Python refuses to print thousands of decimal digits


def _integer(value: int) -> Json:
    number = int.__int__(value)
    return number if _SMALLEST <= number <= _LARGEST else _digits(number)


def _real(value: float) -> Json:
    number = float.__float__(value)
    return number if math.isfinite(number) else None


def _decoded(value: bytes) -> str:
    try:
        return bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


_SCALARS: Final[tuple[tuple[Any, Callable[[Any], Json]], ...]] = (
    (enum.Enum, lambda value: plain(value.value)),
    (str, text),
    (int, _integer),
    (float, _real),
    (bytes | bytearray | memoryview, _decoded),
    (dt.date | dt.time, lambda value: value.isoformat()),
    (dt.timedelta, lambda value: _real(value.total_seconds())),
    (_TEXT_TYPES, lambda value: text(str(value))),
)
"""An enumeration's members may be texts or numbers too, so these types come first."""


class _Converter:
    """One conversion, which knows the objects around the current one, so that a cycle ends."""

    def __init__(self) -> None:
        self._inside: list[int] = []
        self._left = _MAX_VALUES

    def convert(self, value: Any) -> Json:
        self._left -= 1
        if value is None or self._left < 0:
            return None
        if type(value) is str:  # by far the most common type
            return value if value.isascii() else text(value)
        if value is True or value is False:
            return value
        if id(value) in self._inside or len(self._inside) >= _MAX_DEPTH:
            return None
        self._inside.append(id(value))
        try:
            return self._inner(value)
        except Exception:  # noqa: BLE001 - an object may raise from anything that is asked of it
            return None
        finally:
            self._inside.pop()

    def _inner(self, value: Any) -> Json:
        if type(value) is dict:
            return self._mapping(value.items())
        if type(value) is list:
            return [self.convert(item) for item in value]
        # A lazy object loads itself when it is first asked. From Python 3.14 on, isinstance hides
        # some of the errors of that.
        _ = value.__class__
        for types, converter in _SCALARS:
            if isinstance(value, types):
                return converter(value)
        return self._compound(value)

    def _compound(self, value: Any) -> Json:
        if isinstance(value, Mapping):
            return self._mapping((key, value[key]) for key in value)
        if isinstance(value, Element):
            return self._element(value)
        if isinstance(value, list | tuple | AbstractSet):
            return self._sequence(value)
        if isinstance(value, type) or callable(value):
            return None
        return self._object(value)

    def _mapping(self, items: Iterable[tuple[Any, Any]]) -> dict[str, Json]:
        return {self._key(key): self.convert(item) for key, item in items}

    def _key(self, key: Any) -> str:
        if type(key) is str and key.isascii():
            return str(key)
        plain_key = self.convert(key)
        if isinstance(plain_key, str):
            return plain_key
        if isinstance(plain_key, list):
            return ",".join(str(part) for part in plain_key)
        return str(plain_key)

    def _sequence(self, value: Iterable[Any]) -> list[Json]:
        converted = [self.convert(item) for item in value]
        # The order of a set changes from run to run, but the output should not.
        return sorted(converted, key=repr) if isinstance(value, AbstractSet) else converted

    def _element(self, value: Element) -> dict[str, Json]:
        name = text(str(value.tag)).rpartition("}")[2]
        children: Json = [self.convert(child) for child in value]
        content = children or text(value.text or "")
        attributes = self._mapping(value.attrib.items())
        return {name: content, **attributes}

    def _object(self, value: Any) -> Json:
        found = {
            name: item
            for name, item in _attributes(value)
            if not name.startswith("_") and name not in _BACK_REFERENCES and not callable(item)
        }
        # The object's own text may contain a memory address or a secret.
        return self._mapping(found.items()) if found else f"<{type(value).__name__}>"


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    for cls in type(value).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            if hasattr(value, name):
                yield name, getattr(value, name)
    yield from getattr(value, "__dict__", {}).items()


def _divide(value: Json) -> tuple[Json, Json]:
    """Return JSON without its secrets, and the secrets alone (empty if there are none)."""
    if isinstance(value, dict):
        return _divide_dict(value)
    if isinstance(value, list):
        if not value:
            return value, None
        parts = [_divide(item) for item in value]
        has_secret = any(secret for _, secret in parts)
        return [public for public, _ in parts], value if has_secret else None
    return value, None


def _divide_dict(value: dict[str, Json]) -> tuple[dict[str, Json], Secrets]:
    public: dict[str, Json] = {}
    secrets: Secrets = {}
    hidden = _labelled(value)
    for key, item in value.items():
        if (is_secret_name(key) or key == hidden) and not _tells_nothing(item):
            secrets[key] = item
            continue
        if item.__class__ is str or item is None:
            public[key] = item
            continue
        public[key], secret = _divide(item)
        if secret:
            secrets[key] = secret
    return public, secrets


def _labelled(value: dict[str, Json]) -> str | None:
    """Return "value" if that is secret, as in ``{"key": "password", "value": "..."}``."""
    labels = (value.get("key"), value.get("name"))
    return "value" if any(isinstance(x, str) and is_secret_name(x) for x in labels) else None


def _tells_nothing(item: Json) -> bool:
    return item is None or isinstance(item, bool) or item in ("", [], {})
