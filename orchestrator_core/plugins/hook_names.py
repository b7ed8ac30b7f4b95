"""The hook that an author probably meant by a name that is not in the contract."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Final

_VERBS: Final[Mapping[str, str]] = {
    word: verb
    for verb, words in {
        "start": "start create launch run spawn deploy boot provision make add build new",
        "stop": "stop delete destroy terminate remove kill drop undeploy deprovision",
        "reboot": "reboot restart reset cycle",
        "power_on": "poweron resume unpause wake",
        "power_off": "poweroff shutdown halt suspend pause hibernate",
        "resize": "resize rescale scale",
        "rename": "rename retitle relabel",
        "snapshot": "snapshot capture",
        "list": "list enumerate all index fetch",
        "get": "get show read inspect",
        "find": "find search",
        "assign": "assign claim allocate acquire reserve give lend take",
        "release": "release free unassign deallocate return unclaim",
        "resolve": "resolve lookup locate which",
        "check": "check ping health healthcheck test validate verify connect authenticate",
        "close": "close disconnect cleanup teardown",
        "describe": "describe info about whoami",
        "abort": "abort cancel interrupt",
        "before": "before pre on",
        "after": "after post",
    }.items()
    for word in words.split()
}
"""The verb of a hook for each word; the thing decides for a word that fits several hooks."""

_THINGS: Final[Mapping[str, str]] = {
    word: thing
    for thing, words in {
        "node": "vm node server instance machine droplet host domain linode guest compute",
        "image": "image template ami snapshot os distribution",
        "size": "size flavor flavour type plan package offering shape",
        "location": "location region zone datacenter datacentre site place",
        "marker": "marker tag token label",
        "call": "call request operation",
        "console": "console serial",
    }.items()
    for word in words.split()
}

_HOOKS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("start", "node"): ("start_vm",),
    ("stop", "node"): ("stop_vm",),
    ("reboot", "node"): ("reboot_vm",),
    ("power_on", "node"): ("power_on_vm",),
    ("power_off", "node"): ("power_off_vm",),
    ("resize", "node"): ("resize_vm",),
    ("rename", "node"): ("rename_vm",),
    ("snapshot", "node"): ("create_image",),
    ("start", "image"): ("create_image",),
    ("get", "console"): ("get_console_output",),
    ("describe", "node"): ("get_node", "resolve_vm"),
    ("get", "node"): ("get_node", "resolve_vm"),
    ("find", "node"): ("find_node", "resolve_vm"),
    ("resolve", "node"): ("resolve_vm", "get_node"),
    ("find", "marker"): ("find_node",),
    ("get", "marker"): ("find_node",),
    ("assign", "node"): ("assign_vm",),
    ("release", "node"): ("release_vm", "stop_vm"),
    ("before", "call"): ("before_call",),
    ("after", "call"): ("after_call",),
}
_PLURAL: Final[Mapping[str, tuple[str, ...]]] = {
    "node": ("list_nodes", "list_vms"),
    "image": ("list_images",),
    "size": ("list_sizes",),
    "location": ("list_locations",),
}

_LOOKS: Final = ("get", "describe", "find")
"""Verbs that mean a list when they are followed by a plural."""

_ALIKE: Final = 0.6


def meant(name: str, hooks: Collection[str]) -> str | None:
    """Return the hook that was probably meant; None when no hook is similar.

    A hook of the same meaning is preferred (``delete_instance`` is ``stop_vm``, and ``restart_vm``
    is not ``start_vm``). Otherwise it is the hook with the most similar name.

    Args:
        name: the name of the method in the plugin's class.
        hooks: the names of the existing hooks.
    """
    lowered = "_".join(_words(name))
    for near in (
        [one for one in _synonyms(lowered) if one in hooks],
        difflib.get_close_matches(lowered, hooks, n=1, cutoff=_ALIKE),
    ):
        if near:
            return near[0]
    return None


def _synonyms(name: str) -> tuple[str, ...]:
    words = _joined(name.split("_"))
    verb = next((_VERBS[word] for word in words if word in _VERBS), None)
    # The last thing counts: list_instance_types lists types.
    things = [(word, _thing(word)) for word in words]
    said, thing = next(((w, t) for w, t in reversed(things) if t is not None), ("", None))
    if verb is None:
        return ()
    if thing is None:
        return tuple(f"{verb}{tail}" for tail in ("", "_vm", "_call", "_node"))
    if verb == "list" or (verb in _LOOKS and said.endswith("s") and said not in _THINGS):
        return _PLURAL.get(thing, ())
    if verb == "get" and thing in ("image", "size"):
        return (f"get_{thing}",)
    return _HOOKS.get((verb, thing), ())


def _thing(word: str) -> str | None:
    return _THINGS.get(word) or _THINGS.get(word.removesuffix("s"))


def _words(name: str) -> list[str]:
    """Return the words of ``listServers`` or ``list_servers``, in lower case."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in apart.lower().split("_") if word]


def _joined(words: list[str]) -> list[str]:
    """Return the words with pairs such as ``power on`` joined to one word."""
    text = " ".join(words)
    for verb in ("power", "turn", "switch"):
        text = text.replace(f"{verb} on", "poweron").replace(f"{verb} off", "poweroff")
    return text.replace("shut down", "shutdown").split()
