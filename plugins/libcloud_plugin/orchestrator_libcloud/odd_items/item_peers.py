"""Comparison of an item with the other items of the same answer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from orchestrator_libcloud.answers.answer_trees import (
    Path,
    children,
    is_element,
    resolved,
    unresolved,
    value_at,
    walk,
)
from orchestrator_libcloud.answers.item_places import Place

_PEERS: Final = 8
"""Number of items, from the first, that are compared."""

_PLACES: Final = 300
"""Largest number of places of an item that are compared."""


def donors(tree: Any, item: Place, path: Path) -> Iterator[Any]:
    """Yield the values that the other items have at the same place.

    Args:
        tree: the answer.
        item: the item.
        path: a place in the item, from the root of the answer.
    """
    names = resolved(value_at(tree, item.path), path[len(item.path) :])
    for other in _peers(tree, item):
        if (there := unresolved(other, names)) is not None:
            yield value_at(other, there)


def lacking_fields(tree: Any, item: Place) -> Iterator[Path]:
    """Yield the paths of fields that all the compared items have and this item lacks.

    A driver that parses the answer's text again looks fields up untraced, so such a field is in no
    trace.

    Args:
        tree: the answer.
        item: the place of the item.
    """
    places = walk(value_at(tree, item.path), item.path, _PLACES)
    for path, node in places:
        if not (isinstance(node, dict) or is_element(node)):
            continue
        own = _field_steps(node)
        others = [_field_steps(one) for one in donors(tree, item, path) if type(one) is type(node)]
        shared = [step for step in others[0] if all(step in o for o in others)] if others else []
        yield from ((*path, step) for step in shared if step not in own)


def _peers(tree: Any, item: Place) -> Iterator[Any]:
    for step, other in islice(children(value_at(tree, item.group)), _PEERS):
        if step != item.step:
            yield other


def _field_steps(node: Any) -> dict[str, None]:
    """Return the steps to an object's keys or an element's children and attributes, by name."""
    if isinstance(node, dict):
        return dict.fromkeys(map(str, node))
    tags = (f"<{child.tag}>" for child in node)
    return dict.fromkeys((*tags, *(f"@{name}" for name in node.attrib)))
