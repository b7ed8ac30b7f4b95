"""The encodings in which tests hide secrets."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, quote_plus

Encode = Callable[[str], str]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _wrapped(text: str) -> str:
    return base64.encodebytes(f"{'x' * 50}{text}{'y' * 50}".encode()).decode()


ENCODINGS: Final[dict[str, Encode]] = {
    "raw": lambda s: s,
    "base64": _base64,
    "base64-unpadded": lambda s: _base64(s).rstrip("="),
    "base64-urlsafe": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "basic": lambda s: f"Basic {_base64(f'user:{s}')}",
    "base64-second-place": lambda s: _base64(f"u{s}x"),
    "base64-third-place": lambda s: _base64(f"uv{s}xyz"),
    "base64-wrapped": _wrapped,
    "base64-utf16": lambda s: base64.b64encode(s.encode("utf-16-le")).decode(),
    "quote": lambda s: quote(s, safe=""),
    "quote-lower": lambda s: "".join(f"%{byte:02x}" for byte in s.encode()),
    "quote-upper": lambda s: "".join(f"%{byte:02X}" for byte in s.encode()),
    "quote-plus": quote_plus,
    "json": json.dumps,
    "json-plain": lambda s: json.dumps(s, ensure_ascii=False),
    "json-slash": lambda s: json.dumps(s).replace("/", "\\/"),
    "json-units": lambda s: "".join(
        f"\\u{unit:04x}" for unit in memoryview(s.encode("utf-16-le")).cast("H")
    ),
    "html": html.escape,
    "html-decimal": lambda s: "".join(f"&#{ord(char)};" for char in s),
    "html-hex": lambda s: "".join(f"&#x{ord(char):X};" for char in s),
    "repr": repr,
    "repr-bytes": lambda s: repr(s.encode()),
    "bytes": lambda s: "".join(f"\\x{byte:02x}" for byte in s.encode()),
    "hex": lambda s: s.encode().hex(),
    "hex-upper": lambda s: s.encode().hex().upper(),
    "hex-colons": lambda s: s.encode().hex(":"),
}
"""The encoder of a text, by its name."""
