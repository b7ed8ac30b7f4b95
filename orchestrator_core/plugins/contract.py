"""The check of a plugin's class against the hook specs, before any object of it is made."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final, cast, get_args, get_type_hints

import pluggy
from marshmallow import Schema

from orchestrator_core.errors import PluginError
from orchestrator_core.hookspecs import PROJECT, CloudHooks
from orchestrator_core.model import ImageFilter
from orchestrator_core.plugins.hook_names import meant
from orchestrator_core.plugins.record import Kind

_REQUIRED = {Kind.CLOUD: "describe"}


class NoSettings(Schema):
    """The schema of a plugin that has no settings of its own."""


class QuietManager(pluggy.PluginManager):
    """A plugin manager that collects pluggy's warnings: a server may turn warnings into errors.

    Attributes:
        deprecated: the warnings of each hook's spec, for the hook and for its arguments.
        marked: the attributes of registered plugins that implement hooks.
    """

    def __init__(self) -> None:
        super().__init__(PROJECT)
        self.deprecated: dict[str, tuple[Warning | None, Mapping[str, Warning]]] = {}
        self.marked: list[str] = []

    def parse_hookspec_opts(
        self, module_or_class: types.ModuleType | type, name: str
    ) -> pluggy.HookspecOpts | None:
        """Return the options of a hook's spec without its warnings, which are kept."""
        spec = getattr(module_or_class, name)
        options = _spec_options(module_or_class, name, spec) if inspect.isfunction(spec) else None
        if options is None:
            return None
        self.deprecated[name] = options["warn_on_impl"], options["warn_on_impl_args"] or {}
        return {**options, "warn_on_impl": None, "warn_on_impl_args": None}

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> pluggy.HookimplOpts | None:
        """Return the options of a method that implements a hook, and note its name."""
        if name in _OF_EVERY_OBJECT:
            return None  # pluggy takes 20 us for each attribute
        options = super().parse_hookimpl_opts(plugin, name)
        if options is not None:
            self.marked.append(name)
        return options


_OF_EVERY_OBJECT: Final = frozenset(dir(object))

_READER: Final = pluggy.PluginManager(PROJECT)


@cache
def _spec_options(specs: Any, name: str, _spec: types.FunctionType) -> pluggy.HookspecOpts | None:
    """Return the options of a hook's spec, which is read once for all plugins."""
    return _READER.parse_hookspec_opts(specs, name)


def manager(kind: Kind) -> QuietManager:
    """Return an empty plugin manager with the hook specs of this kind."""
    plugins = QuietManager()
    plugins.add_hookspecs(kind.hookspecs)
    return plugins


@cache
def listed_type(hook: str) -> type:
    """Return the type of the items of a cloud's list, from the annotation of its hook spec."""
    answer = get_type_hints(getattr(CloudHooks, hook))["return"]
    (item,) = get_args(answer)
    return cast("type", item)


@cache
def returned_type(hook: str) -> type | None:
    """Return the type of a cloud's answer to a hook, from the hook spec; None for no answer."""
    answer = get_type_hints(getattr(CloudHooks, hook))["return"]
    return None if answer is type(None) else cast("type", answer)


@cache
def changes_of_nodes() -> frozenset[str]:
    """Return the hooks that change one node: those with a node's id that are no reads."""
    specs = {name: spec for name, spec in vars(CloudHooks).items() if inspect.isfunction(spec)}
    return frozenset(
        name
        for name, spec in specs.items()
        if not name.startswith("get_") and "node_id" in inspect.signature(spec).parameters
    )


@dataclass(frozen=True, slots=True)
class Contract:
    """The part of the contract that a plugin's class takes.

    Attributes:
        hooks: the hooks that it implements, sorted.
        deprecations: its deprecated hooks and arguments, with their replacements.
    """

    hooks: tuple[str, ...]
    deprecations: tuple[str, ...]


def check_class(kind: Kind, factory: Any) -> Contract:
    """Return the part of the contract that a plugin's class takes.

    Raises:
        PluginError: when it is not a class, implements a hook that is not in the specs, takes
            arguments that the specs do not have, lacks a required hook, or has settings_schema set
            to something other than a marshmallow schema.
    """
    if not isinstance(factory, type):
        found = type(factory).__name__
        raise PluginError(f"the entry point names something of type {found}, which is not a class")
    schema = settings_schema(factory)
    if not (isinstance(schema, type) and issubclass(schema, Schema)):
        raise PluginError("settings_schema is not a marshmallow schema class")
    plugins = manager(kind)
    try:
        plugins.register(factory)
        plugins.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(_explain(kind, str(error))) from None
    hooks = tuple(sorted(caller.name for caller in plugins.get_hookcallers(factory) or ()))
    required = _REQUIRED.get(kind)
    if required and required not in hooks:
        raise PluginError(f"the required hook {required!r} is not implemented")
    return Contract(hooks, tuple(_deprecated_parts(plugins, factory)))


def _deprecated_parts(plugins: QuietManager, factory: Any) -> Iterator[str]:
    """Yield the deprecated hooks and arguments of a registered class, with their replacements."""
    for caller in plugins.get_hookcallers(factory) or ():
        hook, arguments = plugins.deprecated[caller.name]
        if hook is not None:
            yield f"the hook {caller.name} is {hook}"
        taken = {name for one in caller.get_hookimpls() for name in one.argnames}
        for name in sorted(taken & arguments.keys()):
            yield f"the argument {name} of {caller.name} is {arguments[name]}"


@dataclass(frozen=True, slots=True)
class HookMethod:
    """One method of a plugin's class that implements a hook.

    Attributes:
        name: the name of the method, which may differ from that of the hook.
        arguments: the arguments of the hook that the method takes, in its order.
    """

    name: str
    arguments: tuple[str, ...]

    def call(self, plugin: Any, arguments: Mapping[str, Any]) -> Any:
        """Call the method of an object of the class with those of the arguments that it takes."""
        given = {**_DEFAULTS, **arguments}
        return getattr(plugin, self.name)(*[given[name] for name in self.arguments])


_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType({"filters": ImageFilter()})
"""The values of arguments that a call may leave out."""


def hook_methods(kind: Kind, plugin: Any) -> Mapping[str, HookMethod]:
    """Return the methods of a plugin's object that implement hooks, by the names of the hooks.

    The first object of a class is registered with pluggy; the result holds for all objects of the
    class. A plugin manager for each object would take 2.5 ms and 20 KB for each cloud, and a
    manager with a single plugin only selects the arguments, as :meth:`HookMethod.call` does.
    """
    key = (kind, type(plugin))
    known = _METHODS.get(key)
    if known is None:
        known = _METHODS[key] = _read_methods(kind, plugin)
    return known


_METHODS: Final[dict[tuple[Kind, type], Mapping[str, HookMethod]]] = {}


def _read_methods(kind: Kind, plugin: Any) -> Mapping[str, HookMethod]:
    plugins = manager(kind)
    plugins.register(plugin)
    marked = {attribute: getattr(plugin, attribute) for attribute in plugins.marked}
    found = {}
    for caller in plugins.get_hookcallers(plugin) or ():
        first = caller.get_hookimpls()[-1]  # pluggy calls the last one first
        name = next(name for name, method in marked.items() if method == first.function)
        found[caller.name] = HookMethod(name, first.argnames)
    return found


def settings_schema(factory: Any) -> Any:
    """Return the schema of a plugin's own settings."""
    return getattr(factory, "settings_schema", NoSettings)


def is_simulated(factory: Any) -> bool:
    """Return whether a driver is a simulation, whose VMs can be lost without harm."""
    return getattr(factory, "is_simulated", False) is True


def _explain(kind: Kind, message: str) -> str:
    """Return pluggy's message on one line, with the hook that was probably meant."""
    line = " ".join(message.split())
    if "unknown hook" not in line:
        return line
    name = line.split("unknown hook", 1)[1].split("'")[1]
    known = [hook for hook in vars(kind.hookspecs) if not hook.startswith("_")]
    near = meant(name, known)
    guess = f'; did you mean "{near}"?' if near else f"; there are: {', '.join(known)}"
    return f"unknown hook {name!r}{guess}"
