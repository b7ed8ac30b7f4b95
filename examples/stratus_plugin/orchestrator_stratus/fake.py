"""The service that the tests use: none, because this first version keeps its nodes in memory.

Replace it with a small server that behaves like your cloud. Then ``Fake.settings`` has its address,
and ``Fake.started`` returns what the server has received of a start.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the conformance kit, which is installed only for tests
    from orchestrator_core.testing import Fake, Stage


@contextmanager
def fake(_stage: Stage) -> Iterator[Fake]:
    """Provide what the tests need to know: where a node shows the fields of its start."""
    from orchestrator_core.testing import Fake

    yield Fake(started=lambda node: node["extra"])
