"""The check of a plugin's class against the hook specs, before any object of it is made."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast, get_args, get_type_hints

import pluggy
from marshmallow import Schema

from orchestrator_core.errors import PluginError
from orchestrator_core.hookspecs import PROJECT, CloudHooks
from orchestrator_core.plugins.hook_names import meant
from orchestrator_core.plugins.record import Kind

_REQUIRED = {Kind.CLOUD: "describe"}


class NoSettings(Schema):
    """The schema of a plugin that has no settings of its own."""


class QuietManager(pluggy.PluginManager):
    """A plugin manager that collects pluggy's warnings: a server may turn warnings into errors.

    Attributes:
        deprecated: the warnings of each hook's spec, for the hook and for its arguments.
    """

    def __init__(self) -> None:
        super().__init__(PROJECT)
        self.deprecated: dict[str, tuple[Warning | None, Mapping[str, Warning]]] = {}

    def parse_hookspec_opts(
        self, module_or_class: types.ModuleType | type, name: str
    ) -> pluggy.HookspecOpts | None:
        """Return the options of a hook's spec without its warnings, which are kept."""
        options = super().parse_hookspec_opts(module_or_class, name)
        if options is None:
            return None
        self.deprecated[name] = options["warn_on_impl"], options["warn_on_impl_args"] or {}
        return {**options, "warn_on_impl": None, "warn_on_impl_args": None}


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
def changes_of_nodes() -> frozenset[str]:
    """Return the hooks that change one node: those of a cloud with a node's id and hints.

    ``get_node`` is the one hook with a node's id that changes nothing.
    """
    specs = {name: spec for name, spec in vars(CloudHooks).items() if inspect.isfunction(spec)}
    return frozenset(
        name
        for name, spec in specs.items()
        if name != "get_node" and "node_id" in inspect.signature(spec).parameters
    )


def implemented_hooks(kind: Kind, factory: Any) -> tuple[str, ...]:
    """Return the hooks that a plugin's class implements.

    Raises:
        PluginError: when it is not a class, implements a hook that is not in the specs, takes
            arguments that the specs do not have, lacks a required hook, or has settings_schema set
            to something other than a marshmallow schema.
    """
    if not isinstance(factory, type):
        found = type(factory).__name__
        raise PluginError(f"the entry point names something of type {found}, which is no class")
    schema = settings_schema(factory)
    if not (isinstance(schema, type) and issubclass(schema, Schema)):
        raise PluginError("settings_schema is no marshmallow schema class")
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
    return hooks


def deprecated_parts(kind: Kind, factory: Any) -> Iterator[str]:
    """Yield the deprecated hooks and arguments of a plugin's class, with their replacements."""
    plugins = manager(kind)
    plugins.register(factory)
    for caller in plugins.get_hookcallers(factory) or ():
        hook, arguments = plugins.deprecated[caller.name]
        if hook is not None:
            yield f"the hook {caller.name} is {hook}"
        taken = {name for one in caller.get_hookimpls() for name in one.argnames}
        for name in sorted(taken & arguments.keys()):
            yield f"the argument {name} of {caller.name} is {arguments[name]}"


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
