"""API servers for a plugin's own tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from orchestrator_core.plugins.record import Kind
from orchestrator_core.testing.targets.api import Api
from orchestrator_core.testing.targets.serving import serving
from orchestrator_core.testing.targets.subject import Subject


@contextmanager
def servers(directory: Path) -> Iterator[Callable[..., Api]]:
    """Provide a function that starts servers; all servers end with the context.

    Args:
        directory: The directory for the servers' files.
    """
    with ExitStack() as stack:
        count = 0

        def serve(kind: str, name: str, settings: Mapping[str, Any] | None = None) -> Api:
            nonlocal count
            count += 1
            own = directory / f"orchestrator-{count}"
            own.mkdir()
            data = Subject(Kind(kind), name).settings(settings or {})
            return stack.enter_context(serving(data, own)).api

        yield serve
