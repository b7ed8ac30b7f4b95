"""Abilities of a driver, read from its methods and their signatures before any request is sent."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator_core import Unsupported


def method(driver: Any, name: str, given: Iterable[str] = ()) -> Any:
    """Return a driver's method, if it is more than the base class's "not implemented".

    Args:
        driver: the Libcloud driver object.
        name: the method's name.
        given: the parameters for which the caller has values.

    Raises:
        Unsupported: the method is not implemented, or needs a value that the caller cannot supply.
    """
    why = lacks(driver, name, given)
    if why is not None:
        raise Unsupported(why)
    return getattr(driver, name)


def lacks(driver: Any, name: str, given: Iterable[str] = ()) -> str | None:
    """Return why a method cannot be called; None if it can.

    The arguments are those of :func:`method`. This function and those below accept a driver's class
    as well as a driver object.
    """
    base = importlib.import_module("libcloud.compute.base").NodeDriver
    found = getattr(_class(driver), name, None)
    if found is None or found is getattr(base, name, None):
        return f"Provider {driver.name} does not offer {name} through Libcloud"
    missing = [parameter for parameter in needed(driver, name) if parameter not in set(given)]
    if missing:
        return (
            f"Provider {driver.name} needs {', '.join(missing)} for {name}, "
            "which cannot be given here"
        )
    return None


def offers(driver: Any, name: str) -> bool:
    """Return whether a driver implements a method and needs at most one argument for it."""
    return lacks(driver, name, needed(driver, name)[:1]) is None


def takes(driver: Any, name: str) -> Mapping[str, inspect.Parameter]:
    """Return the named parameters of a driver's method, through every ``**kwargs``."""
    found: dict[str, inspect.Parameter] = {}
    for cls in _class(driver).__mro__:
        if name not in vars(cls):
            continue
        own = list(inspect.signature(vars(cls)[name]).parameters.values())[1:]
        for parameter in own:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                found.setdefault(parameter.name, parameter)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in own):
            break
    return found


def needed(driver: Any, name: str) -> list[str]:
    """Return the parameters of a driver's method that have no default."""
    parameters = takes(driver, name).values()
    return [p.name for p in parameters if p.default is inspect.Parameter.empty]


def _class(driver: Any) -> type[Any]:
    return driver if isinstance(driver, type) else type(driver)
