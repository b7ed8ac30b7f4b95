"""The dummy cloud as the core loads it: :class:`DummyDriver` with the configured faults.

Your own plugin does not need this module: copy ``driver.py``.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from marshmallow import fields

from orchestrator_core import (
    CloudDescription,
    CloudUnreachable,
    Deadline,
    Firewall,
    Image,
    KeyPair,
    Location,
    Network,
    Node,
    NodeState,
    PluginContext,
    RateLimited,
    Size,
    StartField,
    StartRequest,
    hookimpl,
)
from orchestrator_dummy.driver import DummyDriver, DummySettings
from orchestrator_dummy.faults import ERRORS, Fault, Faults, FaultsSchema
from orchestrator_dummy.outcomes import UNHARMED, Outcome, Outcomes
from orchestrator_dummy.request_faults import HINTS, hinted
from orchestrator_dummy.waits import Waits

T = TypeVar("T")

Hints = Mapping[str, str]

_log = logging.getLogger(__name__)

_SEEDS = 1 << 32


class FaultInjectionSettings(DummySettings):
    """The dummy cloud's settings, with its faults."""

    faults = fields.Nested(FaultsSchema)


class FaultInjectionDriver:
    """Driver that injects faults into calls; without faults and hints it injects none."""

    settings_schema = FaultInjectionSettings
    hints = HINTS
    fake = "orchestrator_dummy.fake:fake"
    is_simulated: ClassVar[bool] = True

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self._cloud = DummyDriver(context, settings)
        self._title = f"Cloud {context.name}"
        self._waits = Waits()
        faults: Faults | None = settings.get("faults")
        self._deaf = faults is not None and faults.deaf
        self._outcomes = self._make_outcomes(faults) if faults is not None else None

    @hookimpl
    def describe(self) -> CloudDescription:
        """Describe the cloud; never inject a fault."""
        return self._cloud.describe()

    @hookimpl
    def check(self, deadline: Deadline) -> None:
        """Do nothing, or fail if a fault hits the call."""
        self._meet("check", deadline, {})
        self._cloud.check()

    @hookimpl
    def list_nodes(self, deadline: Deadline, hints: Hints) -> Sequence[Node]:
        """Return every node, or none if a fault says so."""
        outcome = self._meet("list_nodes", deadline, hints)
        return [] if Fault.EMPTY in outcome.faults else self._cloud.list_nodes()

    @hookimpl
    def get_node(self, node_id: str, deadline: Deadline, hints: Hints) -> Node:
        """Return one node."""
        self._meet("get_node", deadline, hints)
        return self._cloud.get_node(node_id)

    @hookimpl
    def find_node(self, marker: str, deadline: Deadline, hints: Hints) -> Node:
        """Return the node that was started with this marker."""
        self._meet("find_node", deadline, hints)
        return self._cloud.find_node(marker)

    @hookimpl
    def list_images(self, deadline: Deadline, hints: Hints) -> list[Image]:
        """Return every image."""
        self._meet("list_images", deadline, hints)
        return self._cloud.list_images()

    @hookimpl
    def list_sizes(self, deadline: Deadline, hints: Hints) -> list[Size]:
        """Return every size."""
        self._meet("list_sizes", deadline, hints)
        return self._cloud.list_sizes()

    @hookimpl
    def list_locations(self, deadline: Deadline, hints: Hints) -> list[Location]:
        """Return every location."""
        self._meet("list_locations", deadline, hints)
        return self._cloud.list_locations()

    @hookimpl
    def list_keypairs(self, deadline: Deadline, hints: Hints) -> list[KeyPair]:
        """Return every key pair."""
        self._meet("list_keypairs", deadline, hints)
        return self._cloud.list_keypairs()

    @hookimpl
    def list_networks(self, deadline: Deadline, hints: Hints) -> list[Network]:
        """Return every network."""
        self._meet("list_networks", deadline, hints)
        return self._cloud.list_networks()

    @hookimpl
    def list_firewalls(self, deadline: Deadline, hints: Hints) -> list[Firewall]:
        """Return every firewall."""
        self._meet("list_firewalls", deadline, hints)
        return self._cloud.list_firewalls()

    @hookimpl
    def start_fields(self) -> Mapping[str, StartField | str]:
        """Return how the cloud takes each field of a start; never inject a fault."""
        return self._cloud.start_fields()

    @hookimpl
    def start_vm(self, request: StartRequest, deadline: Deadline, hints: Hints) -> Node:
        """Create the next node, which lists may show only later."""
        outcome = self._meet("start_vm", deadline, hints)
        with self._cloud.store.lagging(outcome.visible_after):
            node = self._cloud.start_vm(request)
        self._answer(outcome)
        return node

    @hookimpl
    def stop_vm(self, node_id: str, deadline: Deadline, hints: Hints) -> None:
        """Destroy a node; lists may show that only later, or show it as STOPPING for ever."""
        outcome = self._meet("stop_vm", deadline, hints)
        if Fault.STUCK_DELETION in outcome.faults:
            self._cloud.set_state(node_id, NodeState.STOPPING)
        else:
            with self._cloud.store.lagging(outcome.visible_after):
                self._cloud.stop_vm(node_id)
        self._answer(outcome)

    @hookimpl
    def reboot_vm(self, node_id: str, deadline: Deadline, hints: Hints) -> None:
        """Reboot a node."""
        outcome = self._meet("reboot_vm", deadline, hints)
        self._cloud.reboot_vm(node_id)
        self._answer(outcome)

    @hookimpl
    def power_on_vm(self, node_id: str, deadline: Deadline, hints: Hints) -> None:
        """Switch a node on."""
        outcome = self._meet("power_on_vm", deadline, hints)
        self._cloud.power_on_vm(node_id)
        self._answer(outcome)

    @hookimpl
    def power_off_vm(self, node_id: str, deadline: Deadline, hints: Hints) -> None:
        """Switch a node off."""
        outcome = self._meet("power_off_vm", deadline, hints)
        self._cloud.power_off_vm(node_id)
        self._answer(outcome)

    @hookimpl
    def resize_vm(self, node_id: str, size: Size, deadline: Deadline, hints: Hints) -> None:
        """Give a node another size."""
        outcome = self._meet("resize_vm", deadline, hints)
        self._cloud.resize_vm(node_id, size)
        self._answer(outcome)

    @hookimpl
    def rename_vm(self, node_id: str, name: str, deadline: Deadline, hints: Hints) -> None:
        """Give a node another name."""
        outcome = self._meet("rename_vm", deadline, hints)
        self._cloud.rename_vm(node_id, name)
        self._answer(outcome)

    @hookimpl
    def create_image(self, node_id: str, name: str, deadline: Deadline, hints: Hints) -> Image:
        """Make an image of a node."""
        outcome = self._meet("create_image", deadline, hints)
        image = self._cloud.create_image(node_id, name)
        self._answer(outcome)
        return image

    @hookimpl
    def get_console_output(self, node_id: str, deadline: Deadline, hints: Hints) -> str:
        """Return what a node would have written when it started."""
        self._meet("get_console_output", deadline, hints)
        return self._cloud.get_console_output(node_id)

    @hookimpl
    def abort(self, deadline: Deadline) -> None:
        """End a call that waits, unless it is deaf."""
        self._waits.end(deadline)

    @hookimpl
    def close(self) -> None:
        """End every call that waits."""
        self._waits.close()

    def _make_outcomes(self, faults: Faults) -> Outcomes:
        seed = secrets.randbelow(_SEEDS) if faults.seed is None else faults.seed
        _log.warning("%s injects faults, with seed = %d", self._title, seed)
        return Outcomes(faults, seed)

    def _meet(self, operation: str, deadline: Deadline, hints: Hints) -> Outcome:
        """Inject the faults that come before the work; return those that come later."""
        if self._outcomes is None and not hints:
            return UNHARMED
        outcome = UNHARMED if self._outcomes is None else self._outcomes.next(operation)
        if hints:
            outcome = hinted(outcome, operation, hints)
        self._suffer(outcome, deadline)
        return outcome

    def _suffer(self, outcome: Outcome, deadline: Deadline) -> None:
        if outcome.latency:
            self._waits.wait(deadline, outcome.latency)
        if Fault.HANG in outcome.faults:
            if self._deaf:
                self._waits.wait_deaf()
            self._waits.wait(deadline, None)
        if Fault.RATE_LIMIT in outcome.faults:
            message = f"{self._title} asks for fewer requests, on purpose"
            raise RateLimited(message, retry_after=outcome.retry_after, repeat_is_safe=True)
        if Fault.ERROR in outcome.faults:
            error, what = ERRORS[outcome.error]
            raise error(f"{self._title} {what}, on purpose")

    def _answer(self, outcome: Outcome) -> None:
        """Lose the answer to a call that is done, if its outcome says so."""
        if Fault.LOST_ANSWER in outcome.faults:
            raise CloudUnreachable(f"{self._title} made the change and lost the answer, on purpose")
