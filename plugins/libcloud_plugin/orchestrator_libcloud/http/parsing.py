"""Parser of XML in portions; within one portion Python's parser does not release the interpreter.

For an answer of ten thousand nodes the parser needs a quarter of a second, during which the server
would do nothing else.
"""

from __future__ import annotations

from typing import Any, Final
from xml.etree import ElementTree as ET

import libcloud.common.base

_PORTION: Final = 2**15


class _PortionedTree:
    """Replacement for the module with which Libcloud parses whole answers."""

    def __getattr__(self, name: str) -> Any:
        return getattr(ET, name)

    @staticmethod
    def XML(text: str | bytes) -> ET.Element:  # noqa: N802 - the module's own name
        """Return the root of a document.

        Raises:
            ParseError: the document is not XML.
        """
        parser = ET.XMLParser()  # noqa: S314 - expat stops entities that multiply, as since 2.4.1
        for at in range(0, len(text), _PORTION):
            parser.feed(text[at : at + _PORTION])
        root: ET.Element = parser.close()
        return root


def install() -> None:
    """Make all XML drivers of Libcloud parse their answers in portions. Safe to repeat."""
    base: Any = libcloud.common.base
    base.ET = _PortionedTree()
