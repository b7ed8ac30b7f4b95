"""The texts that result from a text when its encodings are decoded.

The text is decoded, instead of searching for each secret in each encoding. This finds mixtures and
nestings which no list of encodings contains. Every byte of a view knows its origin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol

_CUT: Final = re.compile(r"…|\.\.\.")
_MOST_CUTS: Final = 16
_CONTINUED: Final = bytes(range(0x80, 0xC0))
"""The continuation bytes of UTF-8, with which no character begins (RFC 3629, 3)."""


class Source(Protocol):
    """The places of a view's parts in the view from which it was made."""

    def start(self, index: int) -> int:
        """Return the place where the part at ``index`` begins."""
        ...

    def stop(self, index: int) -> int:
        """Return the place where the part before ``index`` ends."""
        ...


class View:
    """A text that is contained in another one.

    Args:
        text: the decoded text; None for decoded base64 or hexadecimal, of which every byte counts
            as one character.
        data: the decoded bytes, if there is no text.
        ends: the places at which it may have been cut off.
        parent: the view from which it was made; None for the original.
        source: the places of its characters (or bytes) in the parent.

    Attributes:
        folded: its bytes from :func:`fold`.
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
        """Return the text of a view that has one."""
        assert self._text is not None
        return self._text

    def before(self, end: int) -> bytes:
        """Return the folded bytes before a place."""
        if self._text is None or self._text.isascii():
            return self.folded[:end]
        return fold(self._text[:end])

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Return the place in the original of a part of the folded bytes."""
        text = self._text
        if text is not None and len(text) != len(self.folded):
            begin, end = _characters(self.folded[: begin + 1]) - 1, _characters(self.folded[:end])
        view = self
        while view._source is not None and view._parent is not None:
            begin, end = view._source.start(begin), view._source.stop(end)
            view = view._parent
        return begin, end


def _characters(data: bytes) -> int:
    """Return how many characters begin in UTF-8 bytes, which may end within a character."""
    return len(data.translate(None, delete=_CONTINUED))


def fold(text: str) -> bytes:
    """Return a text's bytes with ASCII letters in lower case."""
    return text.encode("utf-8", "surrogatepass").lower()


def original(text: str, *, may_be_cut: bool) -> View:
    """Return the first view of a text.

    Args:
        text: a message, or a line of the log.
        may_be_cut: whether its end may be missing; before an ellipsis this is always possible.
    """
    ends = tuple(_cuts(text))[-_MOST_CUTS:]
    return View(text, ends=(*ends, len(text)) if may_be_cut else ends)


def _cuts(text: str) -> Iterator[int]:
    if "…" in text or "..." in text:
        for match in _CUT.finditer(text):
            yield match.start()
