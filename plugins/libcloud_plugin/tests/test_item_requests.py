"""The table of requests per item, against the code of the installed Libcloud."""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from libcloud.compute import drivers

from orchestrator_libcloud.listing.item_requests import ITEM_REQUESTS, NOT_SO

_README = Path(__file__).parent.parent / "README.md"
_LISTS = ("list_nodes", "list_images", "list_sizes", "list_locations")
_SENDS = ("connection.request", "_api_request", "_vcl_request", "self._request", "_call_api")
_LOOPS = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp)


def test_the_table_has_every_driver_that_asks_item_by_item() -> None:
    folder = Path(next(iter(drivers.__path__)))
    modules = [module.name for module in pkgutil.iter_modules(drivers.__path__)]
    found = {name for name in modules if any(_asks_in_loops(folder / f"{name}.py"))}
    assert found == ITEM_REQUESTS.keys() | NOT_SO.keys()


def test_the_readme_has_the_table() -> None:
    text = _README.read_text()
    assert table() in text, f"the README should have:\n{table()}"


def table() -> str:
    lines = ["| driver | list | requests |", "| --- | --- | --- |"]
    for name, lists in ITEM_REQUESTS.items():
        lines += [f"| {name} | `{one}` | {how} |" for one, how in lists.items()]
    return "\n".join(lines) + "\n"


def _asks_in_loops(file: Path) -> Iterator[str]:
    """Yield the lists of a module in whose loops, or in whose callees' loops, requests are sent."""
    for cls in ast.parse(file.read_text()).body:
        if not isinstance(cls, ast.ClassDef):
            continue
        methods = {item.name: item for item in cls.body if isinstance(item, ast.FunctionDef)}
        senders = _senders(methods)
        for name in _LISTS:
            for reached in _reached(name, methods):
                loops = (node for node in ast.walk(methods[reached]) if isinstance(node, _LOOPS))
                if any(_asks(call, senders) for loop in loops for call in _inner_calls(loop)):
                    yield name


def _inner_calls(loop: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that a loop repeats; the iterable is called once."""
    if isinstance(loop, ast.For):
        inner: list[ast.AST] = list(loop.body)
    elif isinstance(loop, ast.ListComp | ast.GeneratorExp):
        inner = [loop.elt]
    else:
        inner = [loop]
    yield from (node for part in inner for node in ast.walk(part) if isinstance(node, ast.Call))


def _asks(call: ast.Call, senders: set[str]) -> bool:
    text = ast.unparse(call.func)
    return any(word in text for word in _SENDS) or _own(call) in senders


def _own(call: ast.Call) -> str | None:
    """Return the name of the called method of the same object."""
    func = call.func
    is_own = isinstance(func, ast.Attribute) and ast.unparse(func.value) == "self"
    return func.attr if is_own and isinstance(func, ast.Attribute) else None


def _calls(method: ast.FunctionDef) -> list[ast.Call]:
    return [node for node in ast.walk(method) if isinstance(node, ast.Call)]


def _senders(methods: dict[str, ast.FunctionDef]) -> set[str]:
    senders: set[str] = set()
    while True:
        more = {
            name
            for name, method in methods.items()
            if name not in senders and any(_asks(call, senders) for call in _calls(method))
        }
        if not more:
            return senders
        senders |= more


def _reached(name: str, methods: dict[str, ast.FunctionDef]) -> set[str]:
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in methods and one not in reached:
            reached.add(one)
            waiting += [own for call in _calls(methods[one]) if (own := _own(call))]
    return reached
