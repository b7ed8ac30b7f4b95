"""Settings with which the conformance kit can see a start denied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator_core.testing import Fake, Stage


@contextmanager
def fake(_stage: Stage) -> Iterator[Fake]:
    """Return settings that allow names of lower-case letters, with a quota that is not reached."""
    settings = {"name_pattern": "[a-z]{3,40}", "quota": {"default": 100}}
    yield Fake(settings=settings, denied={"name": "Not such a name"})
