"""Code blocks of the pages for plugin authors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "plugins"

ELSEWHERE = {"tutorial", "behaviours"}
"""Pages that have tests of their own."""

PAGES = {page.stem: page for page in sorted(FOLDER.glob("*.md")) if page.stem not in ELSEWHERE}

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """One code block.

    Attributes:
        name: ``howto:12``, the line where it begins.
    """

    name: str
    language: str
    text: str

    def run(self) -> ModuleType:
        """Execute it as a module of its own."""
        page, _, line = self.name.partition(":")
        module = ModuleType(f"{page}_{line}")
        above = "\n" * int(line)
        exec(compile(above + self.text, f"{page}.md", "exec"), module.__dict__)  # noqa: S102 - ours
        return module


def blocks(*languages: str) -> Iterator[Block]:
    """Return every block in one of these languages."""
    for page in PAGES.values():
        text = page.read_text(encoding="utf-8")
        for found in _BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            if found[1] in languages:
                yield Block(f"{page.stem}:{line}", found[1], found[2])


def block(page: str, language: str, containing: str) -> Block:
    """Return the only block of a page that contains this text."""
    (found,) = (
        one
        for one in blocks(language)
        if one.name.startswith(f"{page}:") and containing in one.text
    )
    return found
