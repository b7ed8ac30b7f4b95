"""Tests of the list with which the root's ``conftest.py`` orders all tests."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_files_that_begin_first_exist() -> None:
    names = re.findall(r'^    "(\S+\.py)",$', (ROOT / "conftest.py").read_text(), re.MULTILINE)
    assert names
    assert [name for name in names if not (ROOT / name).exists()] == []
