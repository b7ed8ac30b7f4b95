"""An extension behind a running API, around a cloud."""

from __future__ import annotations

from typing import Final

from orchestrator_core.testing.targets.api import Answer, Json
from orchestrator_core.testing.targets.serving import Served
from orchestrator_core.testing.targets.target import UnderTest, all_ready, expect

_OK: Final = 200
_FORBIDDEN: Final = 403


class ExtensionUnderTest(UnderTest):
    """What the tests of an extension do with it."""

    def _serve(self) -> Served:
        served = super()._serve()
        all_ready(served)
        return served

    def refuses(self, hook: str) -> None:
        """An extension may implement what it likes: nothing is refused."""
        raise AssertionError(f"{hook} is no operation of an extension")

    def start_body(self, **more: object) -> Json:
        """Return a start that it should let through."""
        return {"name": "conformance", "image": "1", "size": "1", **self.fake.allowed, **more}

    def start(self) -> Answer:
        """Start a node."""
        return self.api.post("/vm/start/cloud", self.start_body())

    def started(self) -> str | None:
        """Start a node; return its id, or None when it was denied."""
        answer = self.start()
        return str(answer.json["nodes"]["id"]) if let_through_or_denied(answer) else None

    def nodes(self) -> list[str]:
        """Return the ids of the nodes that the cloud has."""
        return sorted(n["id"] for n in expect(self.api.get("/nodes/cloud"), 200)["nodes"])


def let_through_or_denied(answer: Answer) -> bool:
    """Whether a call was let through.

    Raises:
        AssertionError: when it was neither, or denied without a reason.
    """
    if answer.status == _FORBIDDEN:
        expect(answer, _FORBIDDEN, code="forbidden")
        assert answer.message.strip(), f"denied without a reason: {answer}"
        return False
    expect(answer, (_OK, _FORBIDDEN))
    return True
