"""The conformance kit's fake: the cloud's own file, which shows what a start was given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from orchestrator_dummy.driver import FIRST_NODES
from orchestrator_dummy.store import Store

if TYPE_CHECKING:  # the kit, which is installed only for tests
    from orchestrator_core.testing import Fake, Stage


@contextmanager
def fake(stage: Stage) -> Iterator[Fake]:
    """Provide a cloud in a file."""
    from orchestrator_core.testing import Fake  # noqa: PLC0415 - only tests have it

    file = stage.directory / "cloud.db"
    store = Store(file, durable=False, first=FIRST_NODES)

    def started(node: Mapping[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = json.loads(store.given(node["id"]) or "{}")
        return given

    yield Fake(
        settings={"store": f"file:{file}"},
        start_values={"options": {"anything": {"nested": [1, None, "text"]}}},
        started=started,
    )
