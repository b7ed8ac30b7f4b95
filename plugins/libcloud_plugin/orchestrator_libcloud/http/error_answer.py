"""An error answer of a cloud, kept so that its code and its sentence can be read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

_MOST_BYTES = 65_536
"""Longer error bodies are pages of proxies; no provider's error is as long."""


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """One HTTP answer with a status from 400 on.

    Attributes:
        method: of the request, in capitals.
        path: of the request, without the query, which may be signed.
        status: of the answer.
        body: at most 64 KiB of it, decompressed. It may hold addresses and credentials: it is
            for recognising an error, and no part of it may reach a caller uncleaned.
    """

    method: str
    path: str
    status: int
    body: bytes = field(repr=False)

    @classmethod
    def of(cls, method: str, path: str, status: int, body: bytes) -> ErrorAnswer:
        """Return the answer with its body cut to what is kept."""
        return cls(method.upper(), path, status, body[:_MOST_BYTES])

    def json(self) -> Any:
        """Return the body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def xml(self) -> ET.Element | None:
        """Return the root of the body as XML; None when it is none."""
        try:
            # Libcloud parses the same bytes with the same parser.
            return ET.fromstring(self.body)  # noqa: S314
        except (ET.ParseError, ValueError, LookupError):
            return None
