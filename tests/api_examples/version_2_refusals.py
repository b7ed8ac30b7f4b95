"""The refused requests of version 2 whose problems are its examples."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Final

import httpx2

from orchestrator_core import NodeState
from tests.api_examples.operator import Operator
from tests.api_examples.recorder import Recorder
from tests.stateful import wait_for

NOT_SHOWN: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("bad_request", "malformed_request", "body_in_pieces", "incomplete_body"),
        "an HTTP client does not send such bytes",
    ),
    **dict.fromkeys(("body_timeout", "request_timeout"), "it takes as long as the time limit"),
    **dict.fromkeys(
        ("assignment_in_progress", "being_renamed", "cloud_busy"),
        "it needs changes at the same moment",
    ),
    "ambiguous_hostname": "it needs a backend that knows VMs by their hostname",
    **dict.fromkeys(
        ("assign_held", "clock_in_doubt", "state_unavailable"), "it needs a damaged database"
    ),
    **dict.fromkeys(("cloud_unavailable", "internal_error"), "it needs a broken plugin"),
    "forbidden": "it needs an extension",
    "lease_ended": "the durable worker ends the assignment at the same moment",
    **dict.fromkeys(
        ("headers_too_large", "uri_too_long"),
        "the server refuses it before it knows the version, in version 1's form",
    ),
    "not_usable": "it needs a backend with its own list of VMs",
    "start_failed": "the dummy cloud's VMs do not fail",
}
"""Error codes without an example, with the reason."""


class Refusals:
    """The refused requests, in their order.

    Args:
        recorder: the client of a server with the clouds ``fake_driver`` and ``picky``.
        operator: the operator of that server.
    """

    def __init__(self, recorder: Recorder, operator: Operator) -> None:
        self._at = recorder
        self._operator = operator

    def tell(self, orphan: str) -> None:
        """Send every request.

        Args:
            orphan: the id of a VM that is an orphan.
        """
        self._requests()
        self._repeats()
        self._assignments(orphan)
        self._destroys()
        self._load()
        self._faults()

    def _requests(self) -> None:
        refuse = self._at.refuse
        start = {"name": "web-1", "image": "1", "size": "1"}
        assign = {"node": "1", "user": "ann", "application": "cad"}
        token, text = {"Authorization": "Bearer wrong"}, {"Content-Type": "text/plain"}
        refuse("invalid_parameter", "list_images", status=400, cloud=_CLOUD, query={"limit": "0"})
        refuse("unauthenticated", "list_clouds", status=401, headers=token)
        refuse("unknown_cloud", "get_cloud", status=404, cloud="fake")
        refuse("node_not_found", "get_node", status=404, cloud=_CLOUD, node="77")
        refuse("no_such_record", "get_operation", status=404, operation_id="77")
        refuse("not_found", "list_images", status=404, cloud="")
        refuse("body_too_large", "assign", status=413, body={**assign, "user": "a" * 5000})
        refuse("unsupported_media_type", "assign", status=415, headers=text)
        refuse("invalid_parameter", "assign", status=422, body={**assign, "lease": "soon"})
        image, size = {**start, "image": "77"}, {**start, "size": "77"}
        refuse("image_not_found", "start_node", status=422, cloud=_CLOUD, body=image)
        refuse("size_not_found", "start_node", status=422, cloud=_CLOUD, body=size)

    def _repeats(self) -> None:
        at = self._at
        key = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
        slow = {**key, "Prefer": "respond-async", "X-Cloud-Hints": "latency=2; operations=start_vm"}
        accepted = at.send("start_node", headers=slow, cloud=_CLOUD).json()
        at.refuse("idempotency_key_in_use", "start_node", status=409, headers=key, cloud=_CLOUD)
        other = {"name": "web-2", "image": "1", "size": "1"}
        at.refuse(
            *("idempotency_key_reused", "start_node"),
            status=422,
            headers=key,
            cloud=_CLOUD,
            body=other,
        )
        at.settled(accepted)  # the ids of later VMs depend on it

    def _assignments(self, orphan: str) -> None:
        at = self._at
        node = self._started(_CLOUD)
        body = {"node": node, "user": "ann", "application": "cad"}
        held = at.send("assign", body=body).json()["assignment"]
        at.refuse("already_assigned", "assign", status=409, body={**body, "user": "bob"})
        at.refuse("no_lease", "renew", status=409, assignment_id=held)
        stale = {"If-Match": '"2"'}
        at.refuse("stale_generation", "release", status=412, headers=stale, assignment_id=held)
        at.send("release", assignment_id=held)
        at.refuse("not_assigned", "release", status=409, assignment_id=held)
        at.refuse("is_orphan", "assign", status=409, body={**body, "node": orphan})
        broken = self._started(_CLOUD)
        self._operator.cloud.set_state(broken, NodeState.ERROR)
        at.refuse("refused", "assign", status=409, body={**body, "node": broken})

    def _destroys(self) -> None:
        at = self._at
        node = self._started(_CLOUD)
        self._operator.run("protect", _CLOUD, node)
        at.refuse("protected", "destroy_node", status=409, cloud=_CLOUD, node=node)
        slow = {"X-Cloud-Hints": "latency=2; operations=stop_vm", "Prefer": "respond-async"}
        node = self._started(_CLOUD)
        at.send("destroy_node", headers=slow, cloud=_CLOUD, node=node)
        body = {"node": node, "user": "ann", "application": "cad"}
        at.refuse("being_destroyed", "assign", status=409, body=body)
        at.refuse("not_own", "destroy_node", status=409, cloud=_PICKY, node="1")
        own = self._started(_PICKY)
        at.refuse("destroy_limit", "destroy_node", status=429, cloud=_PICKY, node=own)
        node = self._started(_CLOUD)
        self._operator.run("freeze", "--reason", "the cloud is being moved")
        at.refuse("destroy_held", "destroy_node", status=503, cloud=_CLOUD, node=node)

    def _started(self, cloud: str) -> str:
        answer = self._at.send("start_node", cloud=cloud)
        node: str = answer.json()["node"]["id"]
        return node

    def _faults(self) -> None:
        """Send requests that fail in the cloud; the last ones close it for some seconds."""
        for code, status, name, hints in _FAULTS:
            self._at.refuse(
                code, name, status=status, cloud=_PICKY, headers={"X-Cloud-Hints": hints}
            )
        unreachable = {"X-Cloud-Hints": "error=unreachable"}
        for _ in range(5):
            self._at.send("list_sizes", cloud=_PICKY, headers=unreachable)
        self._at.refuse("circuit_open", "list_sizes", status=503, cloud=_PICKY)
        query = {"clouds": _PICKY}
        self._at.refuse("no_cloud_answered", "list_all_nodes", status=503, query=query)
        cooldown = {"X-Cloud-Hints": "retry_after=30"}
        self._at.refuse("rate_limited", "list_sizes", status=429, cloud=_CLOUD, headers=cooldown)

    def tell_without_database(self, http: httpx2.Client) -> None:
        """Send what only a server without a database refuses.

        Args:
            http: a client of such a server.
        """
        at = self._at
        with at.sending_to(http):
            at.refuse("unsupported", "list_operations", status=422)
            at.refuse("no_assignment_backend", "assign", status=422)

    def _load(self) -> None:
        """Send more requests at the same time than one caller may."""
        at = self._at

        def read_slowly() -> None:
            slow = {"X-Cloud-Hints": "latency=1"}
            # The requests below may take the place of this one before it comes.
            wait_for(
                lambda: at.send("list_images", cloud=_CLOUD, headers=slow),
                lambda one: one.status_code == HTTPStatus.OK,
            )

        with ThreadPoolExecutor(MOST_REQUESTS) as pool:
            slow = [pool.submit(read_slowly) for _ in range(MOST_REQUESTS)]
            answer = wait_for(
                lambda: at.send("list_clouds"), lambda one: one.status_code != HTTPStatus.OK
            )
            for one in slow:
                one.result()
        at.keep_refusal("too_many_requests", "list_clouds", 429, answer)


MOST_REQUESTS: Final = 2
"""The most requests of one caller that may be in flight."""

_CLOUD: Final = "fake_driver"
_PICKY: Final = "picky"

_FAULTS: Final = (
    ("quota_exceeded", 409, "start_node", "error=quota; operations=start_vm"),
    ("conflict", 409, "start_node", "error=conflict; operations=start_vm"),
    ("cloud_error", 502, "list_sizes", "error=failed"),
    ("credentials_refused", 502, "list_sizes", "error=credentials"),
    ("invalid_answer", 502, "list_sizes", "error=invalid_answer"),
    ("cloud_unreachable", 502, "list_sizes", "error=unreachable"),
    ("cloud_timeout", 504, "list_images", "hang"),
)
"""The code, the status, the operation and the hints of each fault."""
