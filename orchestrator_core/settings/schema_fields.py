"""Fields and checks that the schemas of the settings file share.

Each function takes the description of the key that it makes a field for. The settings reference
(:mod:`orchestrator_core.settings.reference`) shows it, together with the type, the unit and the
allowed values.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any, ClassVar, Final

from marshmallow import Schema, ValidationError, fields, post_load, validate

from orchestrator_core.settings.faults import nearest

DAY: Final = 86_400

_BIND: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(?P<port>[0-9]+)|unix:[^\0]+")
_LAST_PORT: Final = 65_535
_ROOT_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")


class SectionSchema(Schema):
    """A section of the settings file, which becomes one object of :attr:`model`."""

    model: ClassVar[type[Any]]
    """The dataclass of the section; its defaults are those of the settings."""

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Any:
        return self.model(**self.arguments(data))

    def arguments(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of the model for these values; lists become tuples."""
        return {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}


class OneOf(validate.OneOf):
    """A check for one of several words, whose error names the word that is most similar."""

    def __call__(self, value: Any) -> Any:
        """Return the word if it is one of them.

        Raises:
            ValidationError: with all of the words.
        """
        if value not in self.choices:
            options = [str(choice) for choice in self.choices]
            hint = nearest(value, options)
            raise ValidationError(f'"{value}" must be one of: {", ".join(options)}{hint}')
        return value


def text(
    description: str,
    *,
    default: str = "",
    allowed: str = "",
    validate: Callable[[str], Any] | None = None,
    missing: str = "",
) -> fields.String:
    """Return a field for a text.

    Args:
        description: the meaning of the key, in Markdown.
        default: the default in words, where it depends on other settings.
        allowed: the allowed values in words, where the check cannot tell them.
        validate: the check of the value.
        missing: what to write if the key is missing; empty for a key that the section does not
            need.
    """
    about = _about(description, default=default, allowed=allowed)
    return fields.String(
        validate=validate,
        required=bool(missing),
        error_messages={"required": f"Missing; {missing}"},
        metadata=about,
    )


def choice(*options: str, description: str, default: str = "") -> fields.String:
    """Return a field for one of several words."""
    return text(description, validate=OneOf(options), default=default)


def words(description: str, *, default: str = "") -> fields.List[str]:
    """Return a field for a list of texts that are not empty."""
    inner = fields.String(validate=validate.Length(min=1))
    return fields.List(inner, metadata=_about(description, default=default))


def flag(description: str) -> fields.Boolean:
    """Return a field for ``true`` or ``false``."""
    return fields.Boolean(
        truthy={True},
        falsy={False},
        error_messages={"invalid": "Must be true or false, without quotes."},
        metadata=_about(description),
    )


def count(low: int, high: int, unit: str, description: str, **more: str) -> fields.Integer:
    """Return a field for a whole number from ``low`` to ``high``.

    Args:
        low: the least value.
        high: the largest value.
        unit: what is counted.
        description: the meaning of the key, in Markdown.
        more: ``default`` and ``allowed``, in words.
    """
    about = _about(description, unit=unit, **more)
    wrong = f"Must be a whole number from {low} to {high}."
    return fields.Integer(
        strict=True,
        validate=validate.Range(low, high, error=wrong),
        error_messages={"invalid": wrong},
        metadata=about,
    )


def duration(
    description: str, *, low: float | None = None, high: float | None = DAY
) -> fields.Float:
    """Return a field for a number of seconds.

    Args:
        description: the meaning of the key, in Markdown.
        low: the least value; without it, any value above 0.
        high: the largest value; None for no limit.
    """
    least = "more than 0" if low is None else f"at least {low:g}"
    most = "" if high is None else f" and at most {high:g}"
    wrong = f"Must be a number of seconds, {least}{most}."
    return fields.Float(
        validate=validate.Range(low or 0, high, min_inclusive=low is not None, error=wrong),
        allow_nan=False,
        error_messages={"invalid": wrong, "special": wrong, "too_large": wrong},
        metadata=_about(description, unit="seconds"),
    )


def _about(description: str, **more: str) -> dict[str, str]:
    return {"description": description, **{key: words for key, words in more.items() if words}}


def check_bind(address: str) -> None:
    """Refuse an address on which no server can listen.

    Raises:
        ValidationError: with a description of valid addresses.
    """
    found = _BIND.fullmatch(address)
    if found is None:
        raise ValidationError('must be "HOST:PORT" or "unix:PATH"')
    _check_port(found["port"] or "0")


def check_tcp_bind(address: str) -> None:
    """Refuse an address on which no server can listen for TCP.

    Raises:
        ValidationError: with a description of valid addresses.
    """
    found = _BIND.fullmatch(address)
    if found is None:
        raise ValidationError('must be "HOST:PORT"')
    if found["port"] is None:
        raise ValidationError('must be "HOST:PORT"; a Unix socket cannot be used here')
    _check_port(found["port"])


def _check_port(digits: str) -> None:
    port = digits.lstrip("0")
    if len(port) > len(str(_LAST_PORT)) or int(port or 0) > _LAST_PORT:
        raise ValidationError(f"a port is a number from 1 to {_LAST_PORT}, or 0 for any free one")


def check_root_path(path: str) -> None:
    """Refuse a path that does not begin with a slash, or that ends with one.

    Raises:
        ValidationError: with a description of valid paths.
    """
    if path and not _ROOT_PATH.fullmatch(path):
        raise ValidationError('must be a path such as "/clouds", without a final slash')


def check_proxies(addresses: str) -> None:
    """Refuse a text that is neither ``*`` nor a list of addresses and networks.

    Raises:
        ValidationError: with a description of valid texts.
    """
    try:
        for address in addresses.split(","):
            if address.strip() != "*":
                ipaddress.ip_network(address.strip())
    except ValueError:
        raise ValidationError(
            'must be "*", or addresses and networks separated by commas: "127.0.0.1, 10.0.0.0/8"'
        ) from None


def check_caller(name: str) -> None:
    """Refuse a caller's name that cannot be shown.

    Raises:
        ValidationError: with a description of valid names.
    """
    if not name.strip() or not name.isprintable():
        raise ValidationError("a caller's name is a printable text")
