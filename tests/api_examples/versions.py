"""The examples of each version: their file, and the function that records them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from orchestrator_core.api.shared.examples import FILE
from tests.api_examples import version_1, version_2

RECORD: Final[Mapping[str, Callable[[Path], dict[str, Any]]]] = {
    "v1": version_1.record,
    "v2": version_2.record,
}
"""The function that records the examples of a version, with its files in an empty folder."""


def file_of(version: str) -> Path:
    """Return the committed file."""
    return Path(__file__).parents[2] / "orchestrator_core" / "api" / version / FILE


def text_of(recorded: dict[str, Any]) -> str:
    """Return the text of the file."""
    return json.dumps(recorded, indent=1) + "\n"
