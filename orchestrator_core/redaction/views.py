"""The texts that a text stands for, once its encodings are undone.

Instead of searching for each secret in each encoding, the text is decoded: that finds mixtures
and nestings which no list of encodings has. Every byte of a view knows where it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol

_CUT: Final = re.compile(r"…|\.\.\.")
_MOST_CUTS: Final = 16
_CONTINUED: Final = bytes(range(0x80, 0xC0))
"""The bytes of UTF-8 that no character begins with (RFC 3629, 3)."""


class Source(Protocol):
    """Where the parts of a view stand in the view that it was made of."""

    def start(self, index: int) -> int:
        """Return where what is at ``index`` begins."""
        ...

    def stop(self, index: int) -> int:
        """Return where what is before ``index`` ends."""
        ...


class View:
    """A text that stands in another one.

    Args:
        text: as it reads; None of what was base64 or hexadecimal, where every byte counts as one.
        data: then, its bytes.
        ends: places at which it may have been cut off.
        parent: the view that it was made of; None for the original.
        source: where its characters (or bytes) stand in the parent.

    Attributes:
        folded: its bytes, as :func:`fold` makes them.
        is_binary: whether it was base64 or hexadecimal.
    """

    __slots__ = ("_parent", "_source", "_text", "ends", "folded", "is_binary")

    def __init__(
        self,
        text: str | None,
        data: bytes = b"",
        *,
        ends: tuple[int, ...] = (),
        parent: View | None = None,
        source: Source | None = None,
    ) -> None:
        self._text = text
        self.folded = data.lower() if text is None else fold(text)
        self.ends = ends
        self.is_binary: bool = text is None or (parent is not None and parent.is_binary)
        self._parent = parent
        self._source = source

    @property
    def text(self) -> str:
        """The text of one that is a text."""
        assert self._text is not None
        return self._text

    def before(self, end: int) -> bytes:
        """Return the folded bytes before a place."""
        if self._text is None or self._text.isascii():
            return self.folded[:end]
        return fold(self._text[:end])

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Return where a part of the folded bytes begins and ends in the original."""
        text = self._text
        if text is not None and len(text) != len(self.folded):
            begin, end = _characters(self.folded[: begin + 1]) - 1, _characters(self.folded[:end])
        view = self
        while view._source is not None and view._parent is not None:
            begin, end = view._source.start(begin), view._source.stop(end)
            view = view._parent
        return begin, end


def _characters(data: bytes) -> int:
    """Return how many characters begin in UTF-8, which may end within one."""
    return len(data.translate(None, delete=_CONTINUED))


def fold(text: str) -> bytes:
    """Return a text's bytes, in which the case of ASCII letters does not count."""
    return text.encode("utf-8", "surrogatepass").lower()


def original(text: str, *, may_be_cut: bool) -> View:
    """Return a text as the first view of it.

    Args:
        text: a message, or a line of the log.
        may_be_cut: whether its end may be missing; before an ellipsis something always may be.
    """
    ends = tuple(_cuts(text))[-_MOST_CUTS:]
    return View(text, ends=(*ends, len(text)) if may_be_cut else ends)


def _cuts(text: str) -> Iterator[int]:
    if "…" in text or "..." in text:
        for match in _CUT.finditer(text):
            yield match.start()
