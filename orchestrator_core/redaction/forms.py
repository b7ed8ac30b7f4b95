"""The texts by which one secret is recognised in the results of :mod:`views`."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from orchestrator_core.redaction.escapes import plain, swallowed
from orchestrator_core.redaction.views import fold

LEAST: Final = 8
"""The characters of the shortest secret that is removed everywhere, in every encoding.

A shorter one is a part of many words, ids and numbers. Messages without all of these could not be
read, and the marks would reveal the secret.
"""

SHORTEST_WORD: Final = 4
"""The characters of the shortest secret that is removed where it is a separate word."""

_SHORTEST_REST: Final = 6
"""The least characters of a secret that an escape has to leave, by which it is recognised."""

_SHORTEST_ODD: Final = 5
"""The same, if the escape's result is a character that no ordinary text contains."""

_SIGNS: Final = ("%", "\\", "&")

_NORMAL_FORMS: Final = ("NFC", "NFD", "NFKC", "NFKD")

_PEM: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{1,64}-----(.*?)(?:-----END |\Z)", re.DOTALL)
_PEM_LINE: Final = re.compile(r"[A-Za-z0-9+/=]{16,}")
_SECRET_NAME: Final = re.compile(
    r"pass(?:word|wd|phrase)?$|secret|token|credential|(?:private|api|access)_?key", re.IGNORECASE
)


def is_secret_name(name: str) -> bool:
    """Return whether a name is that of a secret: ``db_password`` is, ``key_name`` is not."""
    return _SECRET_NAME.search(name.replace("-", "_")) is not None


def parts(secret: str) -> Iterator[str]:
    """Yield a secret, and the secrets that it contains.

    These are the password of a URL (RFC 3986, 3.2.1), the lines of private keys in PEM form (RFC
    7468), and the values with a secret's name in a JSON document.
    """
    yield secret
    yield from _of_url(secret)
    yield from _of_pem(secret)
    if secret.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            for name, text in texts(json.loads(secret)):
                if is_secret_name(name):
                    yield text
                    yield from _of_pem(text)


def url_password(text: str) -> str | None:
    """Return the password in a URL as it is written there; None if there is none."""
    try:
        return urlsplit(text).password if "://" in text else None
    except ValueError:
        return None


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts in a table, at any depth, each with the name of its key."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item, name)


@lru_cache(maxsize=2048)  # a block of secrets is compiled again for each new one
def forms(secret: str) -> frozenset[bytes]:
    """Return the folded bytes by which a secret is recognised.

    Forms that begin with a character from an escape may be shorter than :data:`LEAST`; others are
    not.
    """
    written = {secret, *(unicodedata.normalize(kind, secret) for kind in _NORMAL_FORMS)}
    written |= {" ".join(text.split()) for text in written}
    written |= {text.replace(" ", "+") for text in written}  # HTML forms write a blank this way
    written |= {plain(text) for text in written}
    written |= {text[:-1] for text in written if text.endswith(_SIGNS)}  # they swallow what follows
    written = {text for text in written if len(text) >= LEAST}
    written |= {form for text in written for form in swallowed(text) if _is_kept(form)}
    # A stray backslash separates the first byte of UTF-8 from its other bytes.
    written |= {_as_latin(text[:1]) + text[1:] for text in written}
    # Bytes that are not UTF-8 are read as Latin-1, and UTF-8 beside them may be too.
    written |= {_as_latin(text) for text in written}
    found = {fold(text) for text in written}
    for encoding in ("utf-16-le", "utf-16-be"):
        found |= {text.encode(encoding, "surrogatepass").lower() for text in written}
    return frozenset(found)


def shorn(secret: str) -> frozenset[bytes]:
    """Return the rests of a secret whose first base64 digits an escape has swallowed.

    Two digits of hexadecimal are one byte. Two digits of base64 are a part of three bytes, and the
    rest of these may be unreadable too.
    """
    whole = fold(secret)
    return frozenset(whole[lost:] for lost in (1, 2, 3) if len(secret) >= LEAST)


def _is_kept(form: str) -> bool:
    """Return whether a form that begins with the result of an escape is unlikely to be a word."""
    first = form[0]
    is_odd = not (first.isascii() and first.isprintable())
    if first.isspace():
        return len(form) >= LEAST
    return len(form) >= (_SHORTEST_ODD if is_odd else _SHORTEST_REST)


def _as_latin(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _of_url(secret: str) -> Iterator[str]:
    password = url_password(secret)
    if password:
        yield password
        yield unquote(password)


def _of_pem(secret: str) -> Iterator[str]:
    for block in _PEM.findall(secret.replace("\\n", "\n")):
        lines = _PEM_LINE.findall(block)
        yield "".join(lines)
        yield from lines
