"""The base class of every change of version 1, and the form of its answers."""

from __future__ import annotations

from typing import Any, TypeVar

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.shared.change import ChangeResource as SharedChangeResource
from orchestrator_core.api.shared.times import when
from orchestrator_core.api.v1 import answers, encoding
from orchestrator_core.broker.operations.change import Acted, Assigned, Made, Started
from orchestrator_core.broker.operations.operation import Operation

M = TypeVar("M", bound=Made)


class ChangeResource(SharedChangeResource[M]):
    """A route that changes something; its answers are those of version 1."""

    def patience(self, req: Request) -> float | None:
        """Return 0 if the caller prefers not to wait (RFC 7240, 4.1), otherwise None."""
        words = (req.get_header("Prefer") or "").split(",")
        is_async = "respond-async" in (word.split(";", 1)[0].strip().lower() for word in words)
        return 0.0 if is_async else None

    def show_made(self, req: Request, resp: Response, made: Made) -> None:
        """Answer with the result of a change that was made just now or earlier."""
        resp.data = encoding.encode(shape_made(made))

    def show_accepted(self, req: Request, resp: Response, operation: Operation) -> None:
        """Answer with the id of the operation, which version 2 shows (RFC 9110, 15.3.3)."""
        resp.status = 202
        resp.set_header("Location", f"{req.root_path}/api/v2/operations/{operation.id}")
        resp.set_header("Preference-Applied", "respond-async")
        resp.data = encoding.encode({"operation": operation.id})


def shape_made(made: Made) -> dict[str, Any]:
    """Return the keys of the answer to a change that was made just now or earlier."""
    if isinstance(made, Started):
        started = {"nodes": answers.shape_node(made.cloud, made.node, secrets=True)}
        return started if made.reached is None else {**started, "reached": made.reached}
    if isinstance(made, Acted):
        return {"result": f"Node {made.node_id} {made.done}"}
    assert isinstance(made, Assigned), "version 1 makes no images"
    more = dict(made.more)
    expires_at = more.get("lease_expires_at")
    if isinstance(expires_at, float):
        more["lease_expires_at"] = when(expires_at)
    return {**answers.shape_assignment(made.result), **more}
