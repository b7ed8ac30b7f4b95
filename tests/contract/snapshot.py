"""The contract as text: one line for each part of the code on which plugin authors rely."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import pluggy

import orchestrator_core
from orchestrator_core import pytest_plugin
from orchestrator_core.deprecation import DeprecatedName, Deprecation
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.hookspecs import PROJECT
from orchestrator_core.plugins.record import Kind
from orchestrator_core.testing import BEHAVIOURS
from orchestrator_core.testing.runner.report import KIT_VERSION

MODULES = ("orchestrator_core", "orchestrator_core.testing")
"""Classes whose attributes are public."""


class Part(NamedTuple):
    """One part of the contract.

    Attributes:
        key: for example ``hook cloud.get_node(node_id)``; all but its last word is its parent's.
        text: what plugins may rely on.
        documentation: the text that must say since when it exists, unless from the first version.
        deprecated: the version since which the code warns of it.
        kit: the kit's version in the code, for parts with the kit's numbers.
    """

    key: str
    text: str
    documentation: str = ""
    deprecated: str | None = None
    kit: int | None = None


def snapshot() -> dict[str, Part]:
    """Return every part by its key."""
    parts = [*_groups(), *_hooks(), *_class_attributes(), *_names(), *_fixtures(), *_behaviours()]
    found = {part.key: part for part in parts}
    assert len(found) == len(parts)
    return found


# --- what a plugin provides ---------------------------------------------------------------


def _groups() -> Iterator[Part]:
    for kind in Kind:
        yield Part(f"group {kind.value}", kind.group)


def _hooks() -> Iterator[Part]:
    for kind in Kind:
        for name, hook in vars(kind.hookspecs).items():
            options = getattr(hook, f"{PROJECT}_spec", None)
            if options is not None:
                yield from _hook(f"hook {kind.value}.{name}", hook, options)


def _hook(key: str, hook: Callable[..., Any], options: pluggy.HookspecOpts) -> Iterator[Part]:
    said = inspect.getdoc(hook) or ""
    signature = inspect.signature(hook)
    of_all = "the first answer" if options["firstresult"] else "every answer"
    text = f"{of_all}: {signature.return_annotation}"
    yield Part(key, text, said, _since(options["warn_on_impl"]))
    marks = options["warn_on_impl_args"] or {}
    for parameter in list(signature.parameters.values())[1:]:
        mark = _since(marks.get(parameter.name))
        yield Part(f"{key}({parameter.name})", str(parameter.annotation), said, mark)


def _since(mark: Warning | None) -> str | None:
    if mark is None:
        return None
    assert isinstance(mark, Deprecation), "a spec's warning tells since when, and what instead"
    return mark.since


@cache
def _class_attributes() -> tuple[Part, ...]:
    """Return the class attributes that the core's source reads beside a plugin's hooks."""
    hooks = {name for kind in Kind for name in vars(kind.hookspecs)}
    files = sorted(Path(orchestrator_core.__file__).parent.rglob("*.py"))
    trees = [ast.parse(text) for file in files if _may_read(text := file.read_text("utf-8"))]
    found = [one for tree in trees for node in ast.walk(tree) for one in _read_of_a_class(node)]
    return tuple(
        Part(f"attribute {name}", f"default {default}")
        for name, default in found
        if name not in hooks
    )


def _may_read(text: str) -> bool:
    return "getattr(factory" in text or ".trait(" in text


def _read_of_a_class(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Call(
            func=ast.Name(id="getattr"),
            args=[ast.Name(id="factory"), ast.Constant(value=str(name)), ast.expr() as default],
        ):
            yield name, ast.unparse(default)
        case ast.Call(
            func=ast.Attribute(attr="trait"),
            args=[ast.Constant(value=str(name))],
            keywords=[ast.keyword(arg="default", value=ast.expr() as default)],
        ):
            yield name, ast.unparse(default)


# --- what a plugin receives ---------------------------------------------------------------


def _names() -> Iterator[Part]:
    for name in MODULES:
        module = import_module(name)
        table: Mapping[str, DeprecatedName] = module.DEPRECATED
        for public in module.__all__:
            yield from _name(f"name {name}.{public}", getattr(module, public))
        for old, entry in table.items():
            first, *members = _name(f"name {name}.{old}", entry.replacement)
            yield first._replace(deprecated=entry.since)
            yield from members


def _name(key: str, thing: Any) -> Iterator[Part]:
    said = inspect.getdoc(thing) or ""
    if not isinstance(thing, type):
        if inspect.isfunction(thing):
            yield from (Part(f"{key}{at}", text, said) for at, text in _signature(thing))
        else:
            yield Part(key, type(thing).__name__, said)
        return
    bases = [base.__name__ for base in thing.__bases__ if base is not object]
    yield Part(key, " ".join([_form(thing), *bases]), said)
    for member, text, own in _members(thing):
        yield Part(f"{key}.{member}", text, own or said)


def _form(cls: type) -> str:
    if dataclasses.is_dataclass(cls):
        frozen = cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
        return "frozen dataclass" if frozen else "dataclass"
    return "class"


def _members(cls: type) -> Iterator[tuple[str, str, str]]:
    """Return every public member of a class: name, text, documentation of its own.

    A member that another public class defines belongs to that class.
    """
    if issubclass(cls, Enum):
        yield from ((one.name, repr(one.value), "") for one in cls)
        yield from ((name, "attribute", "") for name, one in vars(cls).items() if _is_plain(one))
        return
    found: dict[str, tuple[str, str]] = {}
    for base in reversed(cls.__mro__):
        if base is cls or (base.__module__.startswith("orchestrator_core") and not _public(base)):
            found |= dict(_own_members(base))
    if dataclasses.is_dataclass(cls):
        found |= {name: (text, "") for name, text in _fields(cls)}
    yield from ((name, text, said) for name, (text, said) in found.items())


def _is_plain(member: object) -> bool:
    return type(member) is property  # and not a member of enum itself


def _public(cls: type) -> bool:
    return any(vars(import_module(name)).get(cls.__name__) is cls for name in MODULES)


def _own_members(base: type) -> Iterator[tuple[str, tuple[str, str]]]:
    for name in _set_in_the_constructor(base):
        yield name, ("attribute", "")
    for name in inspect.get_annotations(base):
        if not name.startswith("_"):
            yield name, ("attribute", "")
    for name, member in vars(base).items():
        if name == "__init__":
            if not _written(base, member):
                continue
        elif name.startswith("_") or hasattr(member, "orchestrator_behaviour"):
            continue  # A behaviour has a number.
        said = inspect.getdoc(member) or ""
        if inspect.isfunction(member):
            for at, text in _signature(member):
                if at != "(self)":
                    yield f"{name}{at}", (text, said)
        else:
            yield name, (_member(base, member), said)


def _member(base: type, member: object) -> str:
    if isinstance(member, property):
        return "attribute"
    if issubclass(base, OrchestratorError):
        return repr(member)  # code, transient: returned to callers, and used by the core
    return "fixture" if type(member).__name__ == "FixtureFunctionDefinition" else "attribute"


def _written(base: type, constructor: object) -> bool:
    """Return whether it stands in the source, and was not generated by a dataclass or protocol."""
    if not inspect.isfunction(constructor) or dataclasses.is_dataclass(base):
        return False
    return constructor.__module__ == base.__module__


@cache
def _set_in_the_constructor(base: type) -> tuple[str, ...]:
    constructor = vars(base).get("__init__")
    if not _written(base, constructor):
        return ()
    assert inspect.isfunction(constructor)
    nodes = ast.walk(ast.parse(dedent(inspect.getsource(constructor))))
    names = [
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node.value) == "self"
    ]
    return tuple(name for name in names if not name.startswith("_"))


def _fields(cls: Any) -> Iterator[tuple[str, str]]:
    place = 0
    for field in dataclasses.fields(cls):
        place += not field.kw_only
        how = "keyword" if field.kw_only else f"field {place}"
        shown = ""
        factory: Any = field.default_factory
        if factory is not dataclasses.MISSING:
            shown = f" = {factory.__name__}()"
        elif field.default is not dataclasses.MISSING:
            default = field.default
            shown = f" = {default if isinstance(default, Enum) else repr(default)}"
        yield field.name, f"{how}: {field.type}{shown}"


def _signature(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Return what a function returns, and then each of its parameters."""
    signature = inspect.signature(function)
    yield "", f"gives {inspect.formatannotation(signature.return_annotation)}".replace("'", "")
    place = 0
    for name, parameter in signature.parameters.items():
        how = parameter.kind.description
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            place += name != "self"
            how = f"parameter {place}"
        elif parameter.kind is parameter.KEYWORD_ONLY:
            how = "keyword"
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        yield f"({name})", f"{how}: {parameter.annotation}{default}"


# --- the kit ------------------------------------------------------------------------------


def _fixtures() -> Iterator[Part]:
    """Return what the plugin for pytest provides: fixtures and options."""
    source = Path(pytest_plugin.__file__).read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=name, decorator_list=[decorator]):
                if ast.unparse(decorator) == "pytest.fixture":
                    yield Part(f"fixture {name}", "of pytest", ast.get_docstring(node) or "")
            case ast.Call(args=[ast.Constant(value=str(option)), *_]):
                if fnmatchcase(option, "--*"):
                    yield Part(f"option {option}", "of pytest")


def _behaviours() -> Iterator[Part]:
    for number in BEHAVIOURS:
        yield Part(f"behaviour {number}", "of the kit", kit=KIT_VERSION)
