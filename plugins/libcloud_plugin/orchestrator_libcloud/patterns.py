"""Regular expressions that are compiled at their first use.

Compiling those of the plugin took a tenth of a server's start. Most are needed only for an error,
or for one provider.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any


class Pattern:
    """A regular expression with the methods of :class:`re.Pattern`.

    Args:
        text: the expression.
        flags: the flags of :func:`re.compile`.
    """

    def __init__(self, text: str, flags: int = 0) -> None:
        self.text = text
        self.flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The compiled expression."""
        return re.compile(self.text, self.flags)

    def search(self, text: str) -> re.Match[str] | None:
        """Return the first match anywhere in a text."""
        return self.compiled.search(text)

    def match(self, text: str, position: int = 0) -> re.Match[str] | None:
        """Return the match that begins at a position of a text."""
        return self.compiled.match(text, position)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """Return the match of a whole text."""
        return self.compiled.fullmatch(text)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Yield every match in a text."""
        return self.compiled.finditer(text)

    def findall(self, text: str) -> list[Any]:
        """Return the texts of all matches, or the tuples of their groups."""
        return self.compiled.findall(text)

    def sub(self, by: str | Callable[[re.Match[str]], str], text: str, count: int = 0) -> str:
        """Return a text with each match replaced."""
        return self.compiled.sub(by, text, count)

    def split(self, text: str, maxsplit: int = 0) -> list[str]:
        """Return the parts of a text between the matches."""
        return self.compiled.split(text, maxsplit)
