"""Tests of the remedy for a defect of Python's parser."""

from __future__ import annotations

import ast
import gc
from typing import Any

from tests.parsing import parse_undisturbed


def test_a_parse_is_not_disturbed_by_another_in_a_finalizer() -> None:
    """Python 3.11.7 fails here without the remedy."""
    parse_undisturbed()
    thresholds = gc.get_threshold()

    def parse(*_: Any) -> None:
        ast.parse("a.b(c)")

    gc.callbacks.append(parse)
    gc.set_threshold(20)
    try:
        tree = ast.parse("[" + ", ".join(["{'a': [1, 2]}"] * 300) + "]")
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(parse)
    assert isinstance(tree, ast.Module)
