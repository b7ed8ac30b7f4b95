"""One refusal of a provider."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One refusal.

    Attributes:
        provider: of Libcloud.
        status: of the answer.
        body: of the answer: text as it is, anything else as JSON.
        code: our ``error_code``.
        parts: texts that the message must contain.
        field: our parameter that the error names.
        reads: whether a read is refused instead of a start.
    """

    provider: str
    status: int
    body: Any
    code: str
    parts: tuple[str, ...] = ()
    field: str | None = None
    reads: bool = False

    def __str__(self) -> str:
        words = self.parts[0] if self.parts else self.code
        return f"{self.provider}-{self.status}-{words[:40]}"

    @property
    def raw(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()
