"""What a plugin gives the kit to be tested against, and what it is told for that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from orchestrator_core.errors import PluginError
from orchestrator_core.model import Node


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a plugin is tested.

    Attributes:
        directory: an empty directory of its own, for files that the settings name.
        nodes: what the cloud has that an assignment backend is tested with.
    """

    directory: Path
    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Fake:
    """What the plugin is tested against: a server on loopback, say, or nothing at all.

    Attributes:
        settings: the plugin's own keys of its section in the settings.
        unreachable: the same for a place where nobody answers. Needed of a cloud with a host.
        refused: the same with credentials that are wrong. Needed of a cloud with a host.
        image: the id of an image to start from; without it, the first one listed.
        size: the id of a size to start with; without it, the first one listed.
        denied: for an extension, the parameters of a start that it must deny.
        allowed: for an extension, those of a start that it must let through.
        settle: seconds within which a change shows in the lists. Where that takes more than one,
            the settings need ``visibility`` too.
        many: how many nodes are started at once where several are wanted.
        file: the settings file to whose folder paths in ``settings`` are relative, if there is one.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    unreachable: Mapping[str, Any] | None = None
    refused: Mapping[str, Any] | None = None
    image: str | None = None
    size: str | None = None
    denied: Mapping[str, Any] | None = None
    allowed: Mapping[str, Any] = field(default_factory=dict)
    settle: float = 10.0
    many: int = 5
    file: Path | None = None


FakeFactory = Callable[[Stage], AbstractContextManager[Fake]]
"""Sets a fake up, and takes it down again."""


@contextmanager
def no_fake(_stage: Stage) -> Iterator[Fake]:
    """For a plugin that needs nothing beside itself."""
    yield Fake()


def fake_of(factory: type) -> FakeFactory:
    """Return what the class attribute ``fake`` of a plugin names, as ``"module:function"``.

    Raises:
        PluginError: when there is no such thing.
    """
    named = getattr(factory, "fake", None)
    if named is None:
        return no_fake
    if not isinstance(named, str) or ":" not in named:
        raise PluginError(f'fake must be a text of the form "module:function", not {named!r}')
    module, _, function = named.partition(":")
    try:
        found: FakeFactory = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise PluginError(f'fake names "{named}", which cannot be had: {error}') from None
    return found
