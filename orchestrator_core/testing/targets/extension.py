"""An extension behind a running API, around a cloud."""

from __future__ import annotations

from typing import Final

from orchestrator_core.testing.targets.api import Answer, Json
from orchestrator_core.testing.targets.serving import Served
from orchestrator_core.testing.targets.target import UnderTest, all_ready, expect

_OK: Final = 200
_FORBIDDEN: Final = 403


class ExtensionUnderTest(UnderTest):
    """The actions and reads that tests of an extension need."""

    def _serve(self) -> Served:
        served = super()._serve()
        all_ready(served)
        return served

    def refuses(self, hook: str) -> None:
        """Fail: an extension has no operation that it could refuse."""
        raise AssertionError(f"{hook} is not an operation of an extension")

    def start_body(self, **more: object) -> Json:
        """Return the body of a start that the extension should allow."""
        return {"name": "conformance", "image": "1", "size": "1", **self.fake.allowed, **more}

    def start(self) -> Answer:
        """Start a node."""
        return self.api.post("/vm/start/cloud", self.start_body())

    def started(self) -> str | None:
        """Start a node; return its id, or None if the start was denied."""
        answer = self.start()
        return str(answer.json["nodes"]["id"]) if let_through_or_denied(answer) else None

    def nodes(self) -> list[str]:
        """Return the ids of the cloud's nodes."""
        return sorted(n["id"] for n in expect(self.api.get("/nodes/cloud"), 200)["nodes"])


def let_through_or_denied(answer: Answer) -> bool:
    """Return whether a call passed.

    Raises:
        AssertionError: The call neither passed nor was denied, or was denied without a reason.
    """
    if answer.status == _FORBIDDEN:
        expect(answer, _FORBIDDEN, code="forbidden")
        assert answer.message.strip(), f"denied without a reason: {answer}"
        return False
    expect(answer, (_OK, _FORBIDDEN))
    return True
