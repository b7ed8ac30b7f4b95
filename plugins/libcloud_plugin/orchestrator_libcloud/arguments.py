"""Arguments of a driver's constructor, made from our settings.

Constructors differ: one calls the key ``user_id``, another ``uri``. The signatures that Python
reports decide, along the chain of base classes as far as arguments are passed on.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

from orchestrator_core import PluginError, reveal_all
from orchestrator_libcloud.openstack.options import Options
from orchestrator_libcloud.providers import COMMON, DEFAULTS, LOCATED

TARGETS: Final[dict[str, tuple[str, ...]]] = {
    "key": ("user_id", "username", "creds", "uri", "key", "subscription_id"),
    "secret": ("secret", "password", "key"),
    "region": ("ex_force_service_region", "datacenter", "region"),
    "host": ("host",),
    "port": ("port",),
    "secure": ("secure",),
}
"""Our setting to the parameters that it may become; the first existing and free one is used."""

_NO_TEXTS: Final = frozenset(
    {
        *("backoff", "port", "retry_delay", "timeout"),
        *("ex_token_bearer_auth", "secure", "verify_ssl"),
        *("conn_kwargs", "ex_auth_cache", "region_details", "scopes"),
    }
)
"""The arguments of Libcloud's constructors that are numbers, booleans, lists or tables."""


def is_text_argument(name: str) -> bool:
    """Return whether a constructor's argument is a text, for example ``ex_tenant_name``."""
    return name not in _NO_TEXTS


def parameters(driver_class: Any) -> list[list[inspect.Parameter]]:
    """Return a constructor's named parameters, level by level up the chain of classes.

    The first level is the class's own. Each further level is the one to which ``**kwargs`` passes
    arguments on.
    """
    levels: list[list[inspect.Parameter]] = []
    for cls in driver_class.__mro__:
        made = [vars(cls)[name] for name in ("__new__", "__init__") if name in vars(cls)]
        found = [list(inspect.signature(_plain(method)).parameters.values())[1:] for method in made]
        named = [parameter for level in found for parameter in level if _is_named(parameter)]
        if named:
            levels.append(named)
        if "__init__" in vars(cls) and cls is not object and not _hands_on(found[-1]):
            break
    return levels


def _plain(method: Any) -> Any:
    return method.__func__ if isinstance(method, staticmethod) else method


def _is_named(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


def _hands_on(found: list[inspect.Parameter]) -> bool:
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in found)


def targets(driver_class: Any, given: Mapping[str, Any]) -> dict[str, str]:
    """Return for each of our settings the parameter that it becomes, if there is one.

    Args:
        driver_class: the Libcloud driver's class.
        given: the settings' ``arguments``; a parameter named there is not free.
    """
    levels = [{parameter.name for parameter in level} for level in parameters(driver_class)]
    chosen: dict[str, str] = {}
    for name in COMMON:
        taken = {*given, *chosen.values()}
        for candidate in _candidates(levels, TARGETS[name]):
            if candidate not in taken:
                chosen[name] = candidate
                break
    return chosen


def _candidates(levels: list[set[str]], words: tuple[str, ...]) -> Iterator[str]:
    # The class's own level comes first: a parameter "key" there hides one of a base class.
    own, inherited = levels[0] if levels else set(), set().union(*levels[1:])
    for words_of_level in (own, inherited):
        yield from (word for word in words if word in words_of_level)


def constructor_arguments(
    driver_class: Any, settings: Mapping[str, Any], options: Options | None = None
) -> dict[str, Any]:
    """Return the keyword arguments for a driver's constructor, with secrets read again.

    Args:
        driver_class: the Libcloud driver's class.
        settings: the cloud's settings, loaded by their schema.
        options: the options of an OpenStack, which can hold the same values in more ways.

    Raises:
        PluginError: a setting matches no parameter, or a secret cannot be read.
    """
    if options is not None:
        return {**DEFAULTS.get(settings["provider"], {}), **_with_place(settings, options)}
    try:
        arguments = dict(reveal_all(settings["arguments"]))
        common = {name: reveal_all(settings[name]) for name in COMMON if name in settings}
        if settings["provider"] in LOCATED:
            common.pop("region", None)
    except ValueError as error:
        raise PluginError(f"A secret cannot be read: {error}") from None
    where = targets(driver_class, arguments)
    for name, value in common.items():
        if name not in where:
            raise PluginError(f"The Libcloud driver does not take the setting {name!r}")
        arguments[where[name]] = value
    return {**DEFAULTS.get(settings["provider"], {}), **arguments}


def _with_place(settings: Mapping[str, Any], options: Options) -> dict[str, Any]:
    place = {name: settings[name] for name in ("host", "port", "secure") if name in settings}
    region = {"ex_force_service_region": options.region} if options.region else {}
    return {**region, **place, **options.arguments}
