"""Names of values that only the creator of a node may see."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from orchestrator_libcloud.patterns import Pattern

_PARTS: Final = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "credential",
    "token",
    "privatekey",
    "apikey",
    "accesskey",
    "authkey",
    "encryptionkey",
    "signingkey",
)
"""Words that mark a secret anywhere in a name, after the separators are removed."""

_WORDS: Final = frozenset({"pass", "pwd", "adminpass", "rootpass", "userpass"})
"""Words that mark a secret only as whole words: "bypass" is not secret."""

_HARMLESS: Final = frozenset({"clienttoken", "httptokens"})

_BOUNDARY: Final = Pattern(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


@lru_cache(maxsize=4096)  # long lists repeat few names, and the pattern is slow
def is_secret_name(name: str) -> bool:
    """Return whether the value with this name is secret: ``adminPass`` is, ``key_name`` is not."""
    words = [word.lower() for word in _BOUNDARY.split(name) if word]
    joined = "".join(words)
    if joined in _HARMLESS:
        return False
    return any(part in joined for part in _PARTS) or not _WORDS.isdisjoint(words)
