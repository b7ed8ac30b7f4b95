"""Maps from a provider's words for a state to Libcloud's, which return a state for every word.

A driver looks up a node's state in a dictionary, and most drivers fail on a missing word. So each
driver object gets its own map, which returns "unknown" for a missing word and remembers the word.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

from orchestrator_core import NodeState
from orchestrator_libcloud.nodes.odd_log import log

_ATTRIBUTES: Final = ("NODE_STATE_MAP", "NODE_STATE_MAPPING", "NODE_STATE", "LINODE_STATES")
"""Attributes in which drivers keep their maps."""

_MCP_STATES: Final = frozenset(
    {
        *("NORMAL", "PENDING_ADD", "PENDING_CHANGE", "PENDING_DELETE"),
        *("FAILED_ADD", "FAILED_CHANGE", "FAILED_DELETE", "REQUIRES_SUPPORT"),
    }
)
_VULTR_POWER: Final = {"running": "running", "stopped": "stopped"}
_MOST_WORDS: Final = 100


class StateMap(dict[Any, Any]):
    """A driver's own map, which returns a state for every word.

    Attributes:
        unknown: the words that were looked up but are missing, and their numbers.
    """

    def __init__(self, known: Mapping[Any, Any]) -> None:
        super().__init__(known)
        self.unknown: dict[str, int] = {}

    def __getitem__(self, word: Any) -> Any:
        """Return the state for a word, "unknown" for a word that is missing."""
        try:
            return super().__getitem__(word)
        except (KeyError, TypeError):  # a list or an object cannot be a key at all
            return self._noted(word, NodeState.UNKNOWN.value)

    def get(self, word: Any, default: Any = None) -> Any:
        """Return the state for a word, else the driver's default."""
        try:
            return super().__getitem__(word)
        except (KeyError, TypeError):
            return self._noted(word, default)

    def _noted(self, word: Any, answer: Any) -> Any:
        if len(self.unknown) < _MOST_WORDS:
            told = repr(word)
            self.unknown[told] = self.unknown.get(told, 0) + 1
        return answer


def install_maps(driver: Any, corrections: Mapping[Any, NodeState]) -> None:
    """Give a driver object maps that return a state for every word.

    Args:
        driver: the object, lent to this thread.
        corrections: the words that its own map lacks or has wrong.
    """
    for name in _ATTRIBUTES:
        known = getattr(driver, name, None)
        if isinstance(known, Mapping):
            setattr(driver, name, StateMap({**known, **corrections}))
    _install_functions(driver)
    if type(driver).__module__.endswith(".abiquo"):  # its answers' class has the map
        response = importlib.import_module("libcloud.common.abiquo").AbiquoResponse
        if not isinstance(response.NODE_STATE_MAP, StateMap):
            response.NODE_STATE_MAP = StateMap(response.NODE_STATE_MAP)


def mcp_state(known: Mapping[Any, Any], state: Any, started: Any, action: Any) -> Any:
    """Return the state of a server of Dimension Data or NTT.

    Libcloud reports a server as terminated if it is not started, even during an action or in a
    state that Libcloud does not know.

    Args:
        known: the driver's map of all three words.
        state: the action on the server, ``NORMAL`` if there is none.
        started: whether it is switched on, ``true`` or ``false``.
        action: the current request; None if there is none.
    """
    if (state, started, action) in known:
        return known[state, started, action]
    if state not in _MCP_STATES:
        return NodeState.UNKNOWN.value
    return {"true": "running", "false": "stopped"}.get(started, "unknown")


def vultr_state(driver: Any, state: Any, power_state: Any = None) -> Any:
    """Return the state of an instance; Libcloud reports it as stopped if it is not ``running``."""
    found = driver.NODE_STATE_MAP[state]
    if power_state is None or found != NodeState.RUNNING.value:
        return found
    return _VULTR_POWER.get(power_state, "unknown") if isinstance(power_state, str) else "unknown"


def _install_functions(driver: Any) -> None:
    modules = {cls.__module__.rpartition(".")[2]: cls for cls in type(driver).__mro__}
    for name in ("dimensiondata", "nttcis"):
        if name in modules:
            known = vars(sys.modules[modules[name].__module__])["NODE_STATE_MAP"]
            driver._get_node_state = partial(mcp_state, known)  # noqa: SLF001
    if "vultr" in modules and hasattr(driver, "_get_node_state"):
        driver._get_node_state = partial(vultr_state, driver)  # noqa: SLF001


def forget_unknown(driver: Any) -> None:
    """Forget the unknown words, at the start of a list."""
    for known in _maps(driver):
        known.unknown.clear()


def tell_unknown(driver: Any, found: Iterable[Any]) -> None:
    """Log the nodes that are shown with an unknown state, and the cloud's words for it."""
    words = [word for known in _maps(driver) for word in known.unknown]
    if not words:
        return
    for node in found:
        if getattr(node, "state", None) == NodeState.UNKNOWN.value:
            log(
                f"node {str(node.name)[:80]!r} ({node.id}): state is not one that Libcloud's "
                f"driver knows ({', '.join(word[:60] for word in words[:5])}); shown as UNKNOWN"
            )


def _maps(driver: Any) -> list[StateMap]:
    found = [getattr(driver, name, None) for name in _ATTRIBUTES]
    return [one for one in found if isinstance(one, StateMap)]
