"""One automaton over all forms of many secrets."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from ahocorasick_rs import BytesAhoCorasick

from orchestrator_core.redaction.forms import LEAST, SHORTEST_WORD, forms, shorn
from orchestrator_core.redaction.views import View, fold

Span = tuple[int, int]
"""Where a secret begins and ends in the original."""

_LONGEST_TAIL: Final = 4096
_UNFINISHED: Final = re.compile(
    rb"(?:%[0-9a-f]?|\\(?:u[0-9a-f]{0,7}|x[0-9a-f]?)?|&#?\w{0,6}|[\xc0-\xff][\x80-\xbf]{0,2})\Z"
)
"""What is left of an escape or a character that was cut in two."""


class Matcher:
    """Finds secrets in a view, in a time that grows with the view alone.

    Args:
        secrets: that it looks for.

    Attributes:
        is_ascii: whether all of them are.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        found = sorted({form for secret in secrets for form in forms(secret)})
        rests = sorted({rest for secret in secrets for rest in shorn(secret)}.difference(found))
        self._count = len(found)  # what comes after them counts in base64 and hexadecimal alone
        self._forms = BytesAhoCorasick(found + rests) if found else None
        self._by_head: dict[bytes, list[bytes]] = {}
        for form in found:
            self._by_head.setdefault(form[:LEAST], []).append(form)
        self._heads = list(self._by_head)
        self._tails = BytesAhoCorasick(self._heads) if found else None
        self.is_ascii = all(secret.isascii() for secret in secrets)
        self._short = _short_pattern({fold(one) for one in secrets if len(one) < LEAST})

    def is_clear(self, folded: bytes) -> bool:
        """Whether neither a secret nor a short one stands in what has no escapes.

        Args:
            folded: a text's bytes, as :func:`~orchestrator_core.redaction.views.fold` makes them.
        """
        forms, short = self._forms, self._short
        return (forms is None or not forms.find_matches_as_indexes(folded)) and (
            short is None or short.search(folded) is None
        )

    def spans(self, view: View) -> Iterator[Span]:
        """Yield where secrets stand in the original of a view."""
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
        """Yield the first part of a secret whose rest was cut off here."""
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
    """Return a pattern for secrets that are removed only where they stand as a value.

    A value comes after ``=`` or ``:``, as the password of a URL does, or in quotes. A secret in
    which letters stand beside digits or signs is no word of a language: it is removed as a word
    too.
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
