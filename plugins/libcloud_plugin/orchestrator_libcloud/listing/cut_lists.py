"""Parts of the lists of drivers that send one more request for each item.

The whole list is requested, page after page. It is cut down to the wanted part before the driver
sees it, so the requests for single items are sent only for that part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, Final

from orchestrator_libcloud.listing.fetch_all import fetch_all, lists_of
from orchestrator_libcloud.nodes.states import modules

_DRIVERS: Final = "libcloud.compute.drivers."


@dataclass(frozen=True, slots=True)
class _Cut:
    """The place of a list in an answer.

    Attributes:
        ending: the end of the path of the list's request.
        keys: the keys that lead to the list.
        id_key: the key of an item's id, which must be the node's id.
    """

    ending: str
    keys: tuple[str, ...]
    id_key: str


_CUTS: Final[dict[tuple[str, str], _Cut]] = {
    ("azure_arm", "list_nodes"): _Cut("/virtualMachines", ("value",), "id"),
    ("upcloud", "list_nodes"): _Cut("1.2/server", ("servers", "server"), "uuid"),
}


def can_cut(driver: Any, name: str) -> bool:
    """Return whether a driver sends a request for each item of a list that can be cut down."""
    return _cut_of(driver, name) is not None


def part(driver: Any, name: str, limit: int, marker: str | None) -> list[Any]:
    """Return the first ``limit`` items, by id, after the marker; all items if the ids are odd.

    Args:
        driver: the Libcloud driver object.
        name: the list's name.
        limit: the number of wanted items.
        marker: the id after which the part starts.
    """
    cut = _cut_of(driver, name)
    assert cut is not None
    lists = lists_of(driver)
    own = None if lists is None else lists.lists.get(name)
    listed: Callable[[], list[Any]] = getattr(driver, name) if own is None else partial(own, driver)

    def call(**_: Any) -> list[Any]:
        with _cutting(driver, cut, limit, marker):
            return listed()

    # With an argument, so that the call is not mistaken for the driver's own list.
    return fetch_all(driver, name, call, part=True)


def _cut_of(driver: Any, name: str) -> _Cut | None:
    known = modules(driver)
    found = (
        cut for (module, of), cut in _CUTS.items() if of == name and _DRIVERS + module in known
    )
    return next(found, None)


@contextmanager
def _cutting(driver: Any, cut: _Cut, limit: int, marker: str | None) -> Iterator[None]:
    connection = driver.connection
    send = connection.request

    def request(action: str, *args: Any, **kwargs: Any) -> Any:
        answer = send(action, *args, **kwargs)
        if not action.endswith(cut.ending):
            return answer
        return SimpleNamespace(object=_cut_down(answer.object, cut.keys, cut, limit, marker))

    before = vars(connection).get("request")
    connection.request = request
    try:
        yield
    finally:
        if before is None:
            del connection.request
        else:
            connection.request = before


def _cut_down(tree: Any, keys: tuple[str, ...], cut: _Cut, limit: int, marker: str | None) -> Any:
    """Return a copy of an answer with a part of its list; the answer itself if it is odd."""
    if keys:
        if not isinstance(tree, Mapping) or keys[0] not in tree:
            return tree
        inner = _cut_down(tree[keys[0]], keys[1:], cut, limit, marker)
        return {**tree, keys[0]: inner}
    if not isinstance(tree, list):
        return tree
    by_id: dict[str, Any] = {}
    for item in tree:
        item_id = item.get(cut.id_key) if isinstance(item, Mapping) else None
        if not isinstance(item_id, str):
            return tree
        by_id[item_id] = item
    wanted = sorted(one for one in by_id if marker is None or one > marker)
    return [by_id[one] for one in wanted[:limit]]
