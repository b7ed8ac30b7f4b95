"""Texts in files that people write: UTF-8, with or without a byte-order mark."""

from __future__ import annotations

import codecs
from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff"

_OTHERS: Final = (
    ("UTF-32", codecs.BOM_UTF32_LE),  # begins as UTF-16 does, so it comes first
    ("UTF-32", codecs.BOM_UTF32_BE),
    ("UTF-16", codecs.BOM_UTF16_LE),
    ("UTF-16", codecs.BOM_UTF16_BE),
)


def encoding_of(raw: bytes) -> str:
    """Return the encoding that a byte-order mark or zeros between letters show; else UTF-8."""
    for name, mark in _OTHERS:
        if raw.startswith(mark):
            return name
    return "UTF-16" if b"\0" in raw[:2] and len(raw) > 1 else "UTF-8"


def decode(raw: bytes) -> str:
    """Return a UTF-8 text without its byte-order mark.

    Editors on Windows write that mark, which has no meaning in UTF-8.

    Raises:
        UnicodeDecodeError: when the text is not UTF-8; the reason names the other encoding, if it
            is known, and says what to do.
    """
    found = encoding_of(raw)
    if found != "UTF-8":
        raise UnicodeDecodeError(found, raw, 0, 1, f"not UTF-8 but {found}; save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = "not UTF-8; save it as UTF-8"
        raise UnicodeDecodeError("UTF-8", raw, error.start, error.end, why) from None
