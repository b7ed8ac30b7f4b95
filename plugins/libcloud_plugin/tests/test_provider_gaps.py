"""The review of Libcloud's drivers, against the installed Libcloud and the README."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_libcloud.listing.provider_gaps import GAPS, Gap
from orchestrator_libcloud.listing.provider_lists import LISTS

_README = Path(__file__).parent.parent / "README.md"
_LISTS = ("list_nodes", "list_images", "list_sizes", "list_locations")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_every_driver_was_reviewed() -> None:
    assert GAPS.keys() == LISTS.keys()


@pytest.mark.parametrize(("module", "gap"), GAPS.items())
def test_each_place_that_may_drop_something_was_reviewed(module: str, gap: Gap) -> None:
    # Modules derived from another module share its entry.
    alike = [name for name, other in GAPS.items() if other is gap]
    assert module in alike
    assert gap.reviewed == frozenset(place for name in alike for place in _dropping(name))


@pytest.mark.parametrize(("module", "gap"), GAPS.items())
def test_each_gap_says_what_is_done(module: str, gap: Gap) -> None:
    assert gap.drops
    assert gap.done
    assert not gap.spared or "40" in gap.done, f"{module}: say which refusals are no error"


def test_the_readme_has_the_table() -> None:
    assert table() in _README.read_text(), f"the README should have:\n{table()}"


def table() -> str:
    grouped: dict[int, tuple[Gap, list[str]]] = {}
    for module, gap in GAPS.items():
        grouped.setdefault(id(gap), (gap, []))[1].append(module)
    lines = ["| driver | gaps and errors of Libcloud | the plugin |", "| --- | --- | --- |"]
    lines += [
        f"| {', '.join(names)} | {gap.drops} | {gap.done} |" for gap, names in grouped.values()
    ]
    return "\n".join(lines) + "\n"


def _dropping(module: str) -> Iterator[str]:
    """Yield the functions between a module's lists and their items that may drop an item."""
    spec = importlib.util.find_spec(f"libcloud.compute.drivers.{module}")
    assert spec is not None
    assert spec.origin is not None
    functions: dict[str, list[_Function]] = {}
    for node in ast.walk(ast.parse(Path(spec.origin).read_text())):
        if isinstance(node, _Function):
            functions.setdefault(node.name, []).append(node)
    reached: set[str] = set()
    waiting = [name for name in _LISTS if name in functions]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [used for one in functions[name] for used in _used(one) if used in functions]
    yield from (name for name in reached if any(map(_drops, functions[name])))


def _used(function: _Function) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "self":
                yield node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def _drops(function: _Function) -> bool:
    return any(_is_dropping(node) for node in ast.walk(function))


def _is_dropping(node: ast.AST) -> bool:
    if isinstance(node, ast.ExceptHandler):
        return not isinstance(node.body[-1], ast.Raise)
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        return any(generator.ifs for generator in node.generators)
    return isinstance(node, ast.Continue)
