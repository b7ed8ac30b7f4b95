"""Values of ``create_node`` that the mappings of several providers make."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

from orchestrator_core import InvalidParameter, KeyPair, StartRequest
from orchestrator_libcloud.nodes.convert import to_keypair
from orchestrator_libcloud.patterns import Pattern
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import checked_pairs

ANY: Final = ".+"
"""The ``id_pattern`` of a field whose references the mapping reads by itself."""

UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_PASSWORD_BYTES: Final = 24


class GeneratedPassword(str):
    """A password that this plugin made, and that only the caller of the start may see."""

    __slots__ = ()


def generate_password() -> GeneratedPassword:
    """Return a password of 36 characters: lower-case, upper-case, digits and a hyphen.

    Azure wants three of these kinds and at most 72 characters, Linode a strong one.
    """
    return GeneratedPassword(f"{secrets.token_urlsafe(_PASSWORD_BYTES)}-aA1")


def add_password(node: Any, password: str) -> Any:
    """Return a Libcloud node with a generated password in its ``extra``.

    ``convert.to_node`` moves it from there to the secrets of the contract's node.
    """
    if isinstance(password, GeneratedPassword):
        node.extra = {**(node.extra or {}), "password": str(password)}
    return node


def to_numbered_key(pair: Any) -> KeyPair:
    """Return a key pair whose number or UUID is in ``extra``, as the contract's."""
    return replace(to_keypair(pair), id=str(pair.extra["id"]))


NUMBERED_KEYS: Final = StartList("list_key_pairs", to_numbered_key)
"""The list of key pairs of drivers that put the ids into ``extra``."""


def bare(**attributes: Any) -> Any:
    """Return an object with only these attributes, for drivers that read no others."""
    return SimpleNamespace(**attributes)


def number_or_text(text: str) -> int | str:
    """Return an id as a number if it is one; some APIs tell numbers from names by their type."""
    return int(text) if text.isascii() and text.isdigit() else text


def tag_words(tags: Mapping[str, str], form: Pattern, rule: str) -> list[str]:
    """Return tags as words: the key alone, or ``key:value``.

    Args:
        tags: the tags of the request.
        form: the form of a word at the provider.
        rule: the form in words.

    Raises:
        InvalidParameter: the provider would refuse a tag.
    """
    words = [
        f"{key}:{value}" if value else key for key, value in checked_pairs(tags, "tags").items()
    ]
    for word in words:
        if not form.fullmatch(word):
            raise InvalidParameter("tags", f"{word!r} must be {rule}")
    return words


def check_public_ip(request: StartRequest, provider: str) -> None:
    """Check a request against a provider whose nodes always have a public address.

    Raises:
        InvalidParameter: the request is for a node without one.
    """
    if request.public_ip is False:
        reason = f"{provider} gives every node a public address; leave it out, or give true"
        raise InvalidParameter("public_ip", reason)
