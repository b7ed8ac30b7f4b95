"""How a part of the contract goes: it is announced for one minor version at least, then removed.

A hook, or an argument of one, is marked in the specs by pluggy's own options::

    @hookspec(firstresult=True, warn_on_impl=Deprecation("0.3", "implement list_volumes"))
    @hookspec(firstresult=True, warn_on_impl_args={"hints": Deprecation("0.3", "take deadline")})

A public name leaves ``__all__`` for the table of its module, whose ``__getattr__`` gives it on::

    DEPRECATED = {"Machine": DeprecatedName(Node, "0.3", "use Node")}

Whoever loads a plugin collects what is said of it (:func:`noticed`): a server that takes warnings
for errors must not lose a plugin by them.
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
    """Marks a hook, or an argument of one.

    Args:
        since: the minor version that announced it, ``0.3`` say.
        instead: what to do instead, as a command: ``implement list_volumes``.
    """

    def __init__(self, since: str, instead: str) -> None:
        super().__init__(f"deprecated since {since}: {instead}")
        self.since = since
        self.instead = instead


@dataclass(frozen=True, slots=True)
class DeprecatedName:
    """What a public name that is to go still stands for.

    Attributes:
        replacement: the object: that of the new name, or the old one itself.
        since: the minor version that announced it.
        instead: what to do instead, as a command: ``use Node``.
    """

    replacement: Any
    since: str
    instead: str


def deprecated_names(module: str, table: Mapping[str, DeprecatedName]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module with public names that are to go.

    Args:
        module: its name.
        table: by name; looked at anew each time.
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
    """Collect what this thread would be warned of because of public names, and do not warn."""
    notices: list[str] = []
    token = _NOTICED.set(notices)
    try:
        yield notices
    finally:
        _NOTICED.reset(token)
