"""The generated pages, and the code that each is generated from.

``make pages`` writes all of them; ``tests/docs/test_generated.py`` compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from orchestrator_core.settings.reference import settings_page

ROOT: Final = Path(__file__).parents[1]

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/reference/settings.md": settings_page,
}
"""The whole text of each generated page."""


def generated() -> dict[Path, str]:
    """Return the text of each generated page."""
    return {ROOT / name: make() for name, make in PAGES.items()}


if __name__ == "__main__":
    for file, text in generated().items():
        file.write_text(text, encoding="utf-8")
