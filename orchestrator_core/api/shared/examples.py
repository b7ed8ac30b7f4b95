"""Answers of a real server, which the OpenAPI document of a version shows as examples.

``make examples`` records them; a test sends the same requests again and compares the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

FILE: Final = "recorded_examples.json"
"""The file in a version's folder."""


@dataclass(frozen=True, slots=True)
class Examples:
    """The recorded answers of one version.

    Attributes:
        answers: the bodies of successful answers, by the id of the operation and by status.
        problems: the bodies of errors, by status and by error code.
        headers: the values of the headers of answers, by the name of their component.
    """

    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Examples:
        """Return the examples in the folder of a version."""
        return cls(**orjson.loads((folder / FILE).read_bytes()))

    def answer(self, operation: str, status: int) -> Any:
        """Return the body of a successful answer; None without an example."""
        return self.answers.get(operation, {}).get(str(status))

    def names(self, status: int, codes: set[str]) -> list[str]:
        """Return the error codes of a status, among some, that have an example."""
        return sorted(codes & self.problems.get(str(status), {}).keys())


def component_of(status: int | str, code: str) -> str:
    """Return the name under which a document has the example of an error."""
    return f"{status}-{code}"
