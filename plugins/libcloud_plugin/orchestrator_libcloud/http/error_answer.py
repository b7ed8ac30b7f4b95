"""An error answer of a cloud, kept so that its code and its sentence can be read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

_MOST_BYTES = 65_536
"""Largest body that is kept: longer error bodies are pages of proxies."""


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """One HTTP answer with a status of 400 or more.

    Attributes:
        method: the request's method, in capitals.
        path: the request's path, without the query, which may be signed.
        status: the answer's status.
        body: at most 64 KiB of the body, decompressed. It may contain addresses and credentials: it
            serves to recognise an error, and no part of it may reach a caller uncleaned.
    """

    method: str
    path: str
    status: int
    body: bytes = field(repr=False)

    @classmethod
    def of(cls, method: str, path: str, status: int, body: bytes) -> ErrorAnswer:
        """Return the answer with its body cut to the size that is kept."""
        return cls(method.upper(), path, status, body[:_MOST_BYTES])

    def json(self) -> Any:
        """Return the body as JSON; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def xml(self) -> ET.Element | None:
        """Return the root of the body as XML; None if it is not XML."""
        try:
            # Libcloud parses the same bytes with the same parser.
            return ET.fromstring(self.body)  # noqa: S314
        except (ET.ParseError, ValueError, LookupError):
            return None
