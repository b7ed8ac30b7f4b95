"""The fake service that a plugin is tested against."""

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
    """The surroundings of a fake.

    Attributes:
        directory: An empty directory for files that the settings name.
        nodes: The nodes of the cloud that an assignment backend is tested with.
    """

    directory: Path
    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Fake:
    """The service that a plugin is tested against, for example a server on loopback, or none.

    Attributes:
        settings: The plugin's own keys of its section in the settings.
        unreachable: The same keys for an address where no server answers. Required for a cloud
            with a host.
        refused: The same keys with wrong credentials. Required for a cloud with a host.
        image: The id of an image to start from; None for the first one in the list.
        size: The id of a size to start with; None for the first one in the list.
        denied: For an extension, the parameters of a start that it must deny.
        allowed: For an extension, the parameters of a start that it must allow.
        settle: The seconds within which a change appears in the lists. If that may take more than
            one second, the settings need ``visibility_timeout`` too.
        many: The number of nodes that a test of several starts at once starts.
        file: The settings file; paths in ``settings`` are relative to its directory.
        start_values: For a cloud, values of a start's optional fields, in the form of version 1's
            body. The tests choose a value for each field without an entry, and for ``keyname``,
            ``networks``, ``firewalls`` and ``location`` an item of the cloud's list. ``options``
            has no other value; its keys become the ``start_options`` of the settings.
        started: For a cloud, a function that returns what the service has received of a start's
            optional fields, in the form of version 1's body. The argument is the node as version 1
            shows it; :attr:`start_values` are in the same form. A reference is the id or the name,
            and user data are not encoded. Without the function the tests cannot check that a field
            arrives.

    .. versionchanged:: 0.1
        ``start_values`` and ``started``.
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
    start_values: Mapping[str, Any] = field(default_factory=dict)
    started: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None


FakeFactory = Callable[[Stage], AbstractContextManager[Fake]]
"""A function whose context manager sets a fake up and removes it afterwards."""


@contextmanager
def no_fake(_stage: Stage) -> Iterator[Fake]:
    """Provide an empty fake, for a plugin that calls no service."""
    yield Fake()


def fake_of(factory: type) -> FakeFactory:
    """Return the function that the class attribute ``fake`` of a plugin names.

    The attribute has the form ``"module:function"``. Without it, the fake is empty.

    Raises:
        PluginError: The attribute has another form, or the function cannot be imported.
    """
    named = getattr(factory, "fake", None)
    if named is None:
        return no_fake
    if not isinstance(named, str) or ":" not in named:
        raise PluginError(f'fake must be a string of the form "module:function", not {named!r}')
    module, _, function = named.partition(":")
    try:
        found: FakeFactory = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise PluginError(f'fake names "{named}", which cannot be imported: {error}') from None
    return found
