"""Extensions with one fault each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import good_extension
from good_extension import GoodExtension
from orchestrator_core import Call, Forbidden, PluginContext, hookimpl

if TYPE_CHECKING:  # The kit is installed with the tests only.
    from orchestrator_core.testing import Fake, Stage

SECONDS = 0.5


@contextmanager
def hasty(stage: Stage) -> Iterator[Fake]:
    """Return a fake with a short deadline."""
    with good_extension.fake(stage) as fake:
        yield replace(fake, settings={**fake.settings, "deadline": SECONDS})


class CannotBeMade(GoodExtension):
    breaks, says = "E1", "could not be set up (KeyError)"

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        super().__init__(context, settings)
        settings["region"]


class DeniesAReadWithoutAReason(GoodExtension):
    breaks, says = "E2", "denied without a reason"

    @hookimpl
    def before_call(self, call: Call) -> None:
        super().before_call(call)
        if call.operation == "list_vms":
            raise Forbidden("")


class ReadsAnotherNode(GoodExtension):
    breaks, says = "E2", "returned node '1'"

    @hookimpl
    def before_call(self, call: Call) -> None:
        super().before_call(call)
        if call.operation == "get_node":
            call.parameters["node"] = "1"


class CountsReadsWithoutAReason(GoodExtension):
    """An extension that denies the second read without a reason."""

    breaks, says = "E2", "denied without a reason"
    seen = 0

    @hookimpl
    def before_call(self, call: Call) -> None:
        super().before_call(call)
        self.seen += call.operation == "list_nodes"
        if call.operation == "list_nodes" and self.seen == 2:
            raise Forbidden("")


class DeniesEveryStart(GoodExtension):
    breaks, says = "E3", "expected 200"
    instead: ClassVar = {"E9": "unsupported"}

    @hookimpl
    def before_call(self, call: Call) -> None:
        if call.operation == "start_vm":
            raise Forbidden("No caller may start a VM")


class DeniesNothing(GoodExtension):
    breaks, says = "E4", "the call was not denied"

    @hookimpl
    def before_call(self, call: Call) -> None:
        pass


class DeniesAChangeWithoutAReason(GoodExtension):
    breaks, says = "E5", "denied without a reason"

    @hookimpl
    def before_call(self, call: Call) -> None:
        super().before_call(call)
        if call.operation == "reboot_vm":
            raise Forbidden(" ")


class AssignsToNobody(GoodExtension):
    """An extension that removes a required parameter."""

    breaks, says = "E5", "/vm/action/assign/cloud answered"

    @hookimpl
    def before_call(self, call: Call) -> None:
        super().before_call(call)
        if call.operation == "assign_vm":
            del call.parameters["user"]


class ServesOneAtATime(GoodExtension):
    breaks, says = "E6", "denied without a reason"

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        super().__init__(context, settings)
        self.lock = threading.Lock()
        self.inside = 0

    @hookimpl
    def before_call(self, call: Call) -> None:
        super().before_call(call)
        with self.lock:
            self.inside += 1
            alone = self.inside == 1
        time.sleep(0.02)
        with self.lock:
            self.inside -= 1
        if not alone:
            raise Forbidden("")


class TellsItsTokenInAReason(GoodExtension):
    breaks, says = "E7", "a secret of the settings appears in"

    def reason(self, call: Call) -> str:
        return f"{super().reason(call)} (asked with {self.token.reveal()})"


class KnowsNotAllOperations(GoodExtension):
    breaks, says = "E8", "KeyError"
    cost: ClassVar = {"start_vm": 5, "stop_vm": 1, "assign_vm": 1, "release_vm": 1, "reboot_vm": 1}

    @hookimpl
    def before_call(self, call: Call) -> None:
        super().before_call(call)
        if call.operation.endswith("_vm"):
            assert self.cost[call.operation]


class FailsAfterwards(GoodExtension):
    breaks, says = "E8", "AttributeError"

    @hookimpl
    def after_call(self, call: Call, outcome: Any) -> None:
        assert outcome.result.text


class ThinksTooLong(GoodExtension):
    breaks, says = "E8", "did not answer within"
    fake = "wrong_extension:hasty"

    @hookimpl
    def before_call(self, call: Call) -> None:
        super().before_call(call)
        if call.operation == "reboot_vm":
            time.sleep(2 * SECONDS)


class StopsAnotherNode(GoodExtension):
    breaks, says = "E9", "the stop named"

    @hookimpl
    def before_call(self, call: Call) -> None:
        super().before_call(call)
        if call.operation == "stop_vm":
            call.parameters["node"] = "1"
