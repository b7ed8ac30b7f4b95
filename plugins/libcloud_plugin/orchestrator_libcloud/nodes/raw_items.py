"""The provider's own description of a node, kept beside the driver's node.

Drivers drop parts of it: further addresses, IPv6, interfaces. Each driver turns one item into one
node in its method ``_to_node``, whose first argument is the item: a dictionary, or an XML element.
"""

from __future__ import annotations

import functools
from typing import Any, Final

_CONVERTER: Final = "_to_node"
_ATTRIBUTE: Final = "orchestrator_raw_item"


def keep_raw_items(driver: Any) -> None:
    """Make a driver object keep each node's item; do nothing if it converts in another way."""
    convert = getattr(driver, _CONVERTER, None)
    if convert is None:
        return

    @functools.wraps(convert)
    def converted(*args: Any, **kwargs: Any) -> Any:
        node = convert(*args, **kwargs)
        item = args[0] if args else next(iter(kwargs.values()), None)
        if node is not None:
            setattr(node, _ATTRIBUTE, item)
        return node

    setattr(driver, _CONVERTER, converted)


def raw_item(node: Any) -> Any:
    """Return a node's item; None if the driver converts in another way."""
    return getattr(node, _ATTRIBUTE, None)
