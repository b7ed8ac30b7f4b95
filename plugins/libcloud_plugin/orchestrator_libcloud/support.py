"""Hooks that a provider cannot serve, found from its driver's class alone."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

from orchestrator_libcloud.arguments import targets
from orchestrator_libcloud.capabilities import lacks, needed, offers, takes
from orchestrator_libcloud.changes.lookup import has_getter
from orchestrator_libcloud.listing.composed_sizes import form_of
from orchestrator_libcloud.node_actions.base import METHODS
from orchestrator_libcloud.node_actions.registry import actions_of
from orchestrator_libcloud.nodes.carriers import why_none
from orchestrator_libcloud.providers import DEFAULTS
from orchestrator_libcloud.starts import lists as start_lists
from orchestrator_libcloud.starts.create import ALWAYS_GIVEN, BY_REQUEST
from orchestrator_libcloud.starts.registry import mapping_of

_LISTS: Final = ("list_nodes", "list_images", "list_sizes")
_ACTIONS: Final = {
    "stop_vm": "destroy_node",
    "reboot_vm": "reboot_node",
    "power_on_vm": "start_node",
    "power_off_vm": "stop_node",
}


def unsupported(settings: Mapping[str, Any], driver_class: Any) -> dict[str, str]:
    """Return the hooks that a cloud cannot serve, with the reasons for callers.

    Args:
        settings: the cloud's settings, loaded by their schema.
        driver_class: the provider's driver class, which may stand for several.
    """
    actual = chosen(settings, driver_class)
    return {hook: why for hook, why in _reasons(actual) if why is not None}


def _reasons(chosen: Any) -> Iterator[tuple[str, str | None]]:
    lists = {name: _list(chosen, name) for name in _LISTS}
    yield from lists.items()
    yield "list_locations", lacks(chosen, "list_locations")
    own = mapping_of(chosen).lists
    for hook in start_lists.HOOKS:
        yield hook, start_lists.reason_against(chosen, own, hook)
    node = None if has_getter(chosen) else lists["list_nodes"]
    yield "check", lists["list_nodes"]
    yield "get_node", node
    yield "find_node", lists["list_nodes"] or why_none(chosen)
    yield "get_image", None if offers(chosen, "get_image") else lists["list_images"]
    size = None if form_of(chosen) is not None else lists["list_sizes"]
    yield "get_size", size
    image = None if offers(chosen, "get_image") else lists["list_images"]
    yield "start_vm", _start(chosen) or size or image
    for hook, action in _ACTIONS.items():
        yield hook, lacks(chosen, action, ("node",)) or node
    for hook in METHODS:
        yield hook, actions_of(chosen).why_not(chosen, hook) or node


def _list(chosen: Any, name: str) -> str | None:
    why = lacks(chosen, name, ("location",))
    if why is None and "location" in needed(chosen, name):
        why = lacks(chosen, "list_locations")
    return why


def _start(chosen: Any) -> str | None:
    mapping = mapping_of(chosen)
    if mapping.why_no_start is not None:
        return f"Provider {chosen.name} {mapping.why_no_start}"
    why = lacks(chosen, "create_node", (*BY_REQUEST, *mapping.supplies))
    if why is not None:
        return why
    if "location" in needed(chosen, "create_node"):
        return lacks(chosen, "list_locations")
    accepted = {*takes(chosen, "create_node"), *mapping.replaces}
    refused = [name for name in ALWAYS_GIVEN if name not in accepted]
    return f"Provider {chosen.name} does not take {refused[0]} for a node" if refused else None


def chosen(settings: Mapping[str, Any], driver_class: Any) -> Any:
    """Return the class of the driver objects: some classes create an object of another, by version.

    The arguments are those of :func:`unsupported`.
    """
    if driver_class.__new__ is object.__new__:
        return driver_class
    given = {**DEFAULTS.get(settings["provider"], {}), **settings["arguments"]}
    wanted = {name: given[name] for name in _choices(driver_class) if name in given}
    key = targets(driver_class, given).get("key", "key")
    try:
        return type(driver_class.__new__(driver_class, **{key: "", **wanted}))
    except Exception:  # noqa: BLE001 - a version that is not there; each call will say so
        return driver_class


def _choices(driver_class: Any) -> list[str]:
    return [
        name for name in inspect.signature(driver_class.__new__).parameters if "version" in name
    ]
