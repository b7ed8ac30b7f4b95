"""An automaton that searches for all forms of many secrets at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from ahocorasick_rs import BytesAhoCorasick

from orchestrator_core.redaction.forms import LEAST, SHORTEST_WORD, forms, shorn
from orchestrator_core.redaction.views import View, fold

Span = tuple[int, int]
"""The places where a secret begins and ends in the original text."""

_LONGEST_TAIL: Final = 4096
_UNFINISHED: Final = re.compile(
    rb"(?:%[0-9a-f]?|\\(?:u[0-9a-f]{0,7}|x[0-9a-f]?)?|&#?\w{0,6}|[\xc0-\xff][\x80-\xbf]{0,2})\Z"
)
"""The rest of an escape or a character that was cut in two."""


class Matcher:
    """A search for secrets in a view; its time depends only on the view's length.

    Args:
        secrets: the secrets to find.

    Attributes:
        is_ascii: whether all secrets are ASCII.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        found = sorted({form for secret in secrets for form in forms(secret)})
        rests = sorted({rest for secret in secrets for rest in shorn(secret)}.difference(found))
        self._count = len(found)  # the later ones count only in base64 and hexadecimal
        self._forms = BytesAhoCorasick(found + rests) if found else None
        self._by_head: dict[bytes, list[bytes]] = {}
        for form in found:
            self._by_head.setdefault(form[:LEAST], []).append(form)
        self._heads = list(self._by_head)
        self._tails = BytesAhoCorasick(self._heads) if found else None
        self.is_ascii = all(secret.isascii() for secret in secrets)
        self._short = _short_pattern({fold(one) for one in secrets if len(one) < LEAST})

    def is_clear(self, folded: bytes) -> bool:
        """Return whether a text without escapes contains no secret, long or short.

        Args:
            folded: the text's bytes from :func:`~orchestrator_core.redaction.views.fold`.
        """
        forms, short = self._forms, self._short
        return (forms is None or not forms.find_matches_as_indexes(folded)) and (
            short is None or short.search(folded) is None
        )

    def spans(self, view: View) -> Iterator[Span]:
        """Yield the places of secrets in the original text of a view."""
        folded = view.folded
        if self._forms is not None:
            for form, begin, end in self._forms.find_matches_as_indexes(folded, overlapping=True):
                if form < self._count or view.is_binary:
                    yield view.span(begin, end)
            for cut in view.ends:
                yield from self._cut_off(view, cut)
        if self._short is not None:
            for match in self._short.finditer(folded):
                if not view.is_binary or len(match[0]) >= SHORTEST_WORD:
                    yield view.span(*match.span())

    def _cut_off(self, view: View, cut: int) -> Iterator[Span]:
        """Yield the place of a secret's first part whose rest was cut off here."""
        before = view.before(cut)
        begin = max(0, len(before) - _LONGEST_TAIL)
        tail = before[begin:]
        short = _UNFINISHED.sub(b"", tail)
        assert self._tails is not None
        for head, at, _ in self._tails.find_matches_as_indexes(short, overlapping=True):
            rest = short[at:]
            if any(form.startswith(rest) for form in self._by_head[self._heads[head]]):
                yield view.span(begin + at, begin + len(tail))


def _short_pattern(secrets: Iterable[bytes]) -> re.Pattern[bytes] | None:
    """Return a pattern for secrets that are removed only where they are a value.

    A value comes after ``=`` or ``:``, as the password of a URL does, or in quotes. A secret that
    mixes letters with digits or signs is not a word of a language. It is therefore also removed as
    a separate word.
    """
    found = sorted(filter(None, secrets), key=len, reverse=True)
    if not found:
        return None
    value = b"|".join(map(re.escape, found))
    odd = [re.escape(one) for one in found if len(one) >= SHORTEST_WORD and _is_odd(one)]
    word = b"|(?<![\\w-])(?:%s)(?![\\w-])" % b"|".join(odd) if odd else b""
    after_name = b"(?<=[=:])(?:%s)%s" % (value, rb"(?=[@'\"&;,\s)\]}\\]|\Z)")
    in_quotes = b"|".join(
        b"(?<=%s)(?:%s)(?=\\\\?%s)" % (sign, value, sign) for sign in (b"'", b'"')
    )
    return re.compile(b"%s|%s%s" % (after_name, in_quotes, word))


def _is_odd(secret: bytes) -> bool:
    return not (secret.isalpha() or secret.isdigit())
