"""The deprecation of parts of the contract, at least one minor version before their removal.

A hook, or an argument of one, is marked in the specs with pluggy's own options::

    @hookspec(firstresult=True, warn_on_impl=Deprecation("0.3", "implement list_volumes"))
    @hookspec(firstresult=True, warn_on_impl_args={"hints": Deprecation("0.3", "take deadline")})

A public name moves from ``__all__`` to the table of its module, whose ``__getattr__`` returns it::

    DEPRECATED = {"Machine": DeprecatedName(Node, "0.3", "use Node")}

The code that loads a plugin collects its deprecations (:func:`noticed`). A server that turns
warnings into errors must not lose a plugin because of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

_NOTICED: ContextVar[list[str] | None] = ContextVar("orchestrator_deprecations", default=None)


class Deprecation(DeprecationWarning):
    """A mark for a deprecated hook, or for an argument of one.

    Args:
        since: the minor version that announced the deprecation, for example ``0.3``.
        instead: the replacement as a command: ``implement list_volumes``.
    """

    def __init__(self, since: str, instead: str) -> None:
        super().__init__(f"deprecated since {since}: {instead}")
        self.since = since
        self.instead = instead


@dataclass(frozen=True, slots=True)
class DeprecatedName:
    """A deprecated public name.

    Attributes:
        replacement: the object of the new name, or the old object itself.
        since: the minor version that announced the deprecation.
        instead: the replacement as a command: ``use Node``.
    """

    replacement: Any
    since: str
    instead: str


def deprecated_names(module: str, table: Mapping[str, DeprecatedName]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module with deprecated public names.

    Args:
        module: the name of the module.
        table: the deprecated names; it is read again at each access.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807 - it becomes the module's
        found = table.get(name)
        if found is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        text = f"{module}.{name} is deprecated since {found.since}: {found.instead}"
        notices = _NOTICED.get()
        if notices is None:
            warnings.warn(text, DeprecationWarning, stacklevel=2)
        elif text not in notices:  # an import asks twice
            notices.append(text)
        return found.replacement

    return __getattr__


@contextmanager
def noticed() -> Iterator[list[str]]:
    """Collect this thread's warnings about deprecated public names instead of showing them."""
    notices: list[str] = []
    token = _NOTICED.set(notices)
    try:
        yield notices
    finally:
        _NOTICED.reset(token)
