"""Removal of secrets and addresses from a provider's sentence, before it is shown to a caller."""

from __future__ import annotations

import base64
import html
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from orchestrator_libcloud.patterns import Pattern

LONGEST: Final = 300
"""Number of characters of a sentence that are shown."""

_TAIL: Final = 100
"""Number of the last characters of a longer sentence that are shown."""

_LONG_WORD: Final = Pattern(r"(\S{24})\S{32,}(\S{8})")

ADDRESS: Final = "[address]"
SECRET: Final = "[secret]"  # noqa: S105 - what stands for one
_MARKS: Final = Pattern(r"\[(?:address|secret)\]")

_SHORT: Final = 6
"""A shorter known value is removed only as a whole word: other words may contain it."""

_SHORTEST: Final = 3
"""Shorter values may be words of any sentence, so they cannot be removed."""

_LEAST_ENCODED: Final = 5
_LEAST_RANDOM: Final = 20
_PASSES: Final = 3

_URL: Final = Pattern(
    r"(?:[a-z][a-z0-9+.-]{1,19}:/|:/(?=/))/{0,2}[^\s\"'<>\\|]{0,4096}", re.IGNORECASE
)
_QUERY: Final = Pattern(r"/?\?[\w.%~-]{1,64}=[^\s\"'<>]{0,4096}")
_MAIL: Final = Pattern(r"(?<![\w.+%-])[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_IPV4: Final = Pattern(r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2}|:\d{1,5})?")
_IPV6: Final = Pattern(
    r"\[(?P<inner>[0-9a-f:.]{2,45})(?:%\w{1,16})?\](?::\d{1,5})?"
    r"|(?<![\w:])(?P<bare>[0-9a-f]{0,4}(?::[0-9a-f.]{0,15}){2,8})(?:%\w{1,16})?",
    re.IGNORECASE,
)
_PORT: Final = Pattern(
    r"(?<![\w.-])[a-z][a-z0-9-]{0,62}(?:\.[a-z0-9-]{1,63}){0,8}:\d{2,5}(?!\w)", re.IGNORECASE
)
_DOMAINS: Final = (
    "com net org edu gov io dev app cloud arpa local localdomain localhost internal intern intra "
    "intranet lan corp home private priv example test invalid svc eu uk de fr nl it es pl ch at be "
    "se no fi dk cz ru ua cn jp kr in br au nz ca us tw sg hk za ie pt hu ro gr tr il mx ar"
)
_HOST: Final = Pattern(
    r"(?<![\w.@-])(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.){1,8}(?:"
    + "|".join(_DOMAINS.split())
    + r")\.?(?![\w-])",
    re.IGNORECASE,
)
"""A name below a usual domain of hosts. Other names with dots are sizes, codes, images, files."""

_NAMED: Final = Pattern(
    r"(?P<name>\b[\w-]{0,32}(?:pass(?:word|wd|phrase)?|secret|token|signature|credentials?"
    r"|(?:api|access|consumer|private)[_-]?key|x-amz-[a-z-]{1,32})[\"']?\s{0,2}[:=]\s{0,2})"
    r"(?:(?:basic|bearer)\s{1,2})?[\"']?[^\s\"',;&<>\[]{1,4096}",
    re.IGNORECASE,
)
_SCHEME: Final = Pattern(r"\b(basic|bearer|negotiate)\s{1,2}[\w+/=.~-]{8,4096}", re.IGNORECASE)
_TOKEN: Final = Pattern(
    r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{12,64}|eyJ[\w-]{8,4096}(?:\.[\w-]{1,4096}){0,2}"
    r"|gAAAA[\w=-]{16,4096})"
)
"""Keys of Amazon, JSON web tokens, Fernet tokens of Keystone."""

_HEX: Final = Pattern(r"(?<![0-9a-f-])[0-9a-f]{32,}", re.IGNORECASE)
_RUN: Final = Pattern(r"[A-Za-z0-9+/=_-]{24,}")
_OBJECT: Final = Pattern(
    r"<[\w. ]{1,200} object at 0x[0-9a-f]{1,16}>|\b0x[0-9a-f]{6,16}\b", re.IGNORECASE
)


class Redactor:
    """Redactor that makes a text one short, printable line without secrets and addresses.

    Args:
        secrets: returns the secrets of the settings.
        hosts: returns the host names and addresses of the endpoint.
    """

    def __init__(
        self,
        secrets: Callable[[], Iterable[str]] = tuple,
        hosts: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._secrets = secrets
        self._hosts = hosts

    def __call__(self, text: str, secrets: Iterable[str] = (), hosts: Iterable[str] = ()) -> str:
        """Return the text cleaned; empty if nothing useful is left.

        Args:
            text: a provider's sentence, or any other text of an answer.
            secrets: further secrets, which the request itself carried.
            hosts: further hosts, to which the request was sent.
        """
        known = [
            *_patterns([*self._secrets(), *secrets], SECRET),
            *_patterns([*self._hosts(), *hosts], ADDRESS),
        ]
        line = _one_line(text)
        for _ in range(_PASSES):
            before = line
            for pattern, mark in known:
                line = pattern.sub(mark, line)
            line = _one_line(_general(line))
            if line == before:
                break
        else:
            if any(pattern.search(_MARKS.sub(" ", line)) for pattern, _ in known):
                return ""  # a text with a value that cannot be removed is not shown at all
        return _shortened(line) if re.search(r"[^\W\d_]{2}", _MARKS.sub("", line)) else ""


def _one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _shortened(line: str) -> str:
    """Return a line of bounded length: of a long one its start and its end.

    A refusal quotes the refused value first, and has its reason at the end.
    """
    if len(line) <= LONGEST:
        return line
    line = _LONG_WORD.sub(r"\1…\2", line)
    if len(line) <= LONGEST:
        return line
    head, tail = line[: LONGEST - _TAIL - 3], line[-_TAIL:]
    head = head[: head.rfind(" ")] if " " in head[LONGEST // 2 :] else head
    tail = tail[tail.find(" ") + 1 :] if " " in tail[: _TAIL // 2] else tail
    return f"{head} … {tail}"


def _general(line: str) -> str:
    """Remove texts that look like an address or a secret, whatever their source."""
    line = _OBJECT.sub("", line)
    line = _URL.sub(ADDRESS, line)
    line = _QUERY.sub(ADDRESS, line)
    line = _SCHEME.sub(rf"\1 {SECRET}", line)
    line = _NAMED.sub(rf"\g<name>{SECRET}", line)
    line = _TOKEN.sub(SECRET, line)
    line = _HEX.sub(SECRET, line)
    line = _RUN.sub(_unless_words, line)
    for pattern in (_MAIL, _IPV4, _HOST, _PORT):
        line = pattern.sub(ADDRESS, line)
    return _IPV6.sub(_if_address, line)


def _unless_words(run: re.Match[str]) -> str:
    """Remove a long run of random letters and digits; keep a path or a CamelCase word."""
    return SECRET if any(map(_is_random, run[0].split("/"))) else run[0]


def _is_random(text: str) -> bool:
    if "-" in text:  # an id, for example, whose parts are shorter
        return any(map(_is_random, text.split("-")))
    if len(text) < _LEAST_RANDOM:
        return False
    digits = sum(sign.isdigit() for sign in text)
    return digits > 1 and text != text.lower() and text != text.upper()


def _if_address(found: re.Match[str]) -> str:
    text = found["inner"] or found["bare"]
    address = text.rstrip(".")
    if address.endswith(":") and not address.endswith("::"):
        address = address[:-1]  # "2001:db8::1: no route to host"
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return found[0]
    return ADDRESS + text[len(address) :]


def _patterns(values: Iterable[str], mark: str) -> Iterator[tuple[Pattern, str]]:
    """Yield a pattern for each form of each value, the longest first."""
    forms = {form for value in values for form in _forms(value, encoded=mark == SECRET)}
    for form in sorted(forms, key=len, reverse=True):
        escaped = re.escape(form)
        if mark == ADDRESS:
            escaped = rf"\[?{escaped}\]?(?::\d{{1,5}}\b)?"
        if len(form) >= _SHORT:
            yield Pattern(escaped, re.IGNORECASE), mark
        elif len(form) >= _SHORTEST:
            yield Pattern(rf"(?<![\w']){escaped}(?![\w'])"), mark


def _forms(value: str, *, encoded: bool) -> Iterator[str]:
    """Yield the forms that a value may have in an answer."""
    plain = _one_line(value)
    if not plain or plain in _MARKS.findall(plain):
        return
    yield plain
    if not encoded:
        return
    for form in (
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        html.escape(value),
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
    ):
        yield _one_line(form)
    raw = value.encode("utf-8", "surrogatepass")
    for form in (raw.hex(), *_base64(raw)):
        if len(form) >= _LEAST_ENCODED:
            yield form


def _base64(raw: bytes) -> Iterator[str]:
    """Yield the base64 forms of a value, alone and at any place in a longer text."""
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * offset + raw).decode().rstrip("=")
            yield whole[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
    yield base64.b64encode(raw).decode()
