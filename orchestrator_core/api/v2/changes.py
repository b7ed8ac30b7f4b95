"""The base class of every change of version 2."""

from __future__ import annotations

from typing import TypeVar

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.shared.change import ChangeResource as SharedChangeResource
from orchestrator_core.api.shared.encoding import encode
from orchestrator_core.api.v2 import answers, prefer
from orchestrator_core.broker.operations.change import Assigned, Made
from orchestrator_core.broker.operations.operation import Operation

M = TypeVar("M", bound=Made)


class ChangeResource(SharedChangeResource[M]):
    """A route that changes something; its answers are those of version 2.

    Attributes:
        created: whether the change creates a resource (201).
        holds: whether the user holds the VM after the change, so that the answer has the ETag of
            the assignment.
    """

    created = False
    holds = False

    def patience(self, req: Request) -> float | None:
        """Return the seconds that the caller waits; None for as long as it takes."""
        return prefer.longest_wait(req)

    def show_made(self, req: Request, resp: Response, made: Made) -> None:
        """Answer with the result of a change that was made just now or earlier."""
        cloud = req.context.cloud if made.operation is None else made.operation.cloud
        shown = answers.shape_made(cloud, made)
        if made.operation is not None:
            resp.set_header("Operation-Id", made.operation.id)
            shown["operation"] = made.operation.id
        if self.holds and isinstance(made, Assigned) and "generation" in made.more:
            resp.set_header("ETag", f'"{made.more["generation"]}"')
        if self.created:
            resp.status = 201
            place = f"{req.root_path}/api/v2/clouds/{cloud}/nodes/{made.node_id}"
            resp.set_header("Location", place)
        resp.data = encode(shown)

    def show_accepted(self, req: Request, resp: Response, operation: Operation) -> None:
        """Answer that a change is recorded and in progress (RFC 9110, 15.3.3)."""
        resp.status = 202
        resp.set_header("Location", f"{req.root_path}/api/v2/operations/{operation.id}")
        resp.set_header("Operation-Id", operation.id)
        if req.get_header("Prefer") is not None:
            resp.set_header("Preference-Applied", prefer.applied(req))
        resp.set_header("Retry-After", "1")
        resp.data = encode({"operation": answers.shape_operation(operation)})
