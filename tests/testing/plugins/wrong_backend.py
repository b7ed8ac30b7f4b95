"""Assignment backends with one fault each."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any, ClassVar

from good_backend import DESKS, GoodBackend, GoodLedgerBackend
from orchestrator_core import (
    AssignmentResult,
    AssignRequest,
    BackendContext,
    CloudError,
    CloudUnreachable,
    CredentialsRefused,
    NodeNotFound,
    Refused,
    Vm,
    VmStatus,
    hookimpl,
)


class CannotBeMade(GoodBackend):
    breaks, says = "A1", "could not be set up (KeyError)"

    def __init__(self, context: BackendContext, settings: dict[str, Any]) -> None:
        super().__init__(context, settings)
        settings["region"]


class ListsAVmTwice(GoodBackend):
    """A backend whose overlapping pages list a VM twice."""

    breaks, says = "A2", "more than once"

    @hookimpl
    def list_vms(self, cloud: str) -> list[Vm]:
        vms = super().list_vms(cloud)
        return [*vms, *vms[:1]]


class LeavesAVmOut(GoodBackend):
    breaks, says = "A2", "missing in the list"

    @hookimpl
    def list_vms(self, cloud: str) -> list[Vm]:
        return super().list_vms(cloud)[1:]


class ListsNoHostnames(GoodBackend):
    breaks, says = "A2", "is listed as"

    @hookimpl
    def list_vms(self, cloud: str) -> list[Vm]:
        return [replace(vm, hostname="") for vm in super().list_vms(cloud)]


class ShowsEverythingAsFree(GoodBackend):
    breaks, says = "A3", "'status': 1"

    @hookimpl
    def list_vms(self, cloud: str) -> list[Vm]:
        free = VmStatus.FREE
        return [
            replace(vm, status=free.value, status_desc=free.name) for vm in super().list_vms(cloud)
        ]


class HasNothingToSay(GoodBackend):
    breaks, says = "A3", "the result is empty"

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        return replace(super().assign_vm(request), result="")


class KnowsHostnamesOfTheAssignedAlone(GoodBackend):
    breaks, says = "A4", "expected 200"

    def meant(self, cloud: str, node: str | None, hostname: str | None) -> Vm:
        vm = super().meant(cloud, node, hostname)
        if node is None and not vm.user:
            raise self.unknown(cloud, hostname)
        return vm


class TakesTheNodeOfTwo(GoodBackend):
    """A backend that ignores a hostname beside a node id."""

    breaks, says = "A5", "expected 400"

    @hookimpl
    def resolve_vm(self, cloud: str, node: str | None, hostname: str | None) -> Vm:
        return super().resolve_vm(cloud, node, None if node else hostname)


class CallsWhatIsNotThereAFailure(GoodBackend):
    breaks, says = "A6", "502"

    def unknown(self, cloud: str, name: str | None) -> Exception:
        return CloudError("The backend answered with an error")


class GivesAnotherForWhatIsNotThere(GoodBackend):
    """A backend that returns another VM for an unknown name, also for one that is nearly right."""

    breaks, says = "A6", "expected 400"
    instead: ClassVar = {"A18": "fail"}

    def meant(self, cloud: str, node: str | None, hostname: str | None) -> Vm:
        try:
            return super().meant(cloud, node, hostname)
        except NodeNotFound:
            free = [vm for vm in self.of(cloud) if not vm.user]
            if not free:
                raise
            return free[3]


class GivesOnlyOnce(GoodLedgerBackend):
    breaks, says = "A7", "expected 200"

    def __init__(self, context: BackendContext, settings: dict[str, Any]) -> None:
        super().__init__(context, settings)
        self.given: set[tuple[str, str]] = set()

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        if (request.vm.id_vm, request.user) in self.given:
            raise Refused(f"Node {request.vm.id_vm} is assigned already")
        self.given.add((request.vm.id_vm, request.user))
        return super().assign_vm(request)


class ShowsWhoAskedLast(GoodLedgerBackend):
    breaks, says = "A8", "shows the user 'bob'"

    def __init__(self, context: BackendContext, settings: dict[str, Any]) -> None:
        super().__init__(context, settings)
        self.asked: dict[str, str] = {}

    @hookimpl
    def list_vms(self, cloud: str) -> list[Vm]:
        return [
            replace(vm, user=self.asked.get(vm.id_vm, vm.user)) for vm in super().list_vms(cloud)
        ]

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        self.asked[request.vm.id_vm] = request.user
        return super().assign_vm(request)

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        self.asked.pop(vm.id_vm, None)
        return super().release_vm(cloud, vm)


class RefusesAllWhoComeTogether(GoodLedgerBackend):
    breaks, says = "A9", "were requested"

    def __init__(self, context: BackendContext, settings: dict[str, Any]) -> None:
        super().__init__(context, settings)
        self.lock = threading.Lock()
        self.begun = self.ended = 0

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        with self.lock:
            self.begun += 1
            alone = self.begun == self.ended + 1
        time.sleep(0.05)
        with self.lock:
            self.ended += 1
            alone = alone and self.begun == self.ended
        if not alone:
            raise Refused("Another user is being served")
        return super().assign_vm(request)


class ForgetsToFree(GoodBackend):
    """A backend whose released VMs keep their user."""

    breaks, says = "A10", "'user': 'ada'"

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        known = self.known(cloud, vm)
        if not known.user:
            raise Refused(f"Node {vm.id_vm} is not assigned")
        return AssignmentResult(vm.id, vm.id_vm, f"Node {vm.id_vm} released")


class ReleasesWhatIsFree(GoodBackend):
    breaks, says = "A11", "expected 400"

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        self.known(cloud, vm).user = "portal"
        return super().release_vm(cloud, vm)


class MeansTheLastOneIfNothingFits(GoodBackend):
    """A backend that takes an unknown name for the last assigned VM, which a release destroys."""

    breaks, says = "A12", "answered 200"

    def meant(self, cloud: str, node: str | None, hostname: str | None) -> Vm:
        try:
            return super().meant(cloud, node, hostname)
        except NodeNotFound:
            held = [vm for vm in self.of(cloud) if vm.user]
            if not held or node is not None:  # The core compares ids.
                raise
            return held[-1]


class KnowsHostnamesOfTheFreeAlone(GoodBackend):
    breaks, says = "A13", "expected 200"

    def meant(self, cloud: str, node: str | None, hostname: str | None) -> Vm:
        vm = super().meant(cloud, node, hostname)
        if node is None and vm.user:
            raise self.unknown(cloud, hostname)
        return vm


class IsEmptyWhenUnreachable(GoodBackend):
    breaks, says = "A14", "answered 200"

    @hookimpl
    def list_vms(self, cloud: str) -> list[Vm]:
        return super().list_vms(cloud) if self.where in DESKS else []


class KnowsNobodyWhenUnreachable(GoodBackend):
    breaks, says = "A14", "answered 400"

    @hookimpl
    def resolve_vm(self, cloud: str, node: str | None, hostname: str | None) -> Vm:
        if self.where not in DESKS:
            raise self.unknown(cloud, node or hostname)
        return super().resolve_vm(cloud, node, hostname)


class ConnectsWhenItIsMade(GoodBackend):
    breaks, says = "A14", "cannot be reached"

    def __init__(self, context: BackendContext, settings: dict[str, Any]) -> None:
        super().__init__(context, settings)
        if self.where not in DESKS:
            raise CloudUnreachable("The backend cannot be reached")


class ChecksNothing(GoodBackend):
    breaks, says = "A14", "DID NOT RAISE"

    @hookimpl
    def check(self) -> None:
        pass


class TellsItsTokenInAnError(GoodBackend):
    breaks, says = "A15", "a secret of the settings appears in"

    def unknown(self, cloud: str, name: str | None) -> Exception:
        return NodeNotFound(f"There is no VM {name!r} for {self.token.reveal()}")


class FailsAtTheEnd(GoodBackend):
    breaks, says = "A16", "in close: AttributeError"

    @hookimpl
    def close(self) -> None:
        self.token.session.close()  # type: ignore[attr-defined]  # that is what is wrong


class GivesWhatSomebodyHas(GoodBackend):
    breaks, says = "A17", "expected 400"

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        self.known(request.cloud, request.vm).user = ""
        return super().assign_vm(request)


class TakesTheBeginningOfAHostname(GoodBackend):
    breaks, says = "A18", "was accepted"

    def meant(self, cloud: str, node: str | None, hostname: str | None) -> Vm:
        try:
            return super().meant(cloud, node, hostname)
        except NodeNotFound:
            for vm in self.of(cloud):
                if node is None and vm.hostname.startswith(str(hostname)):
                    return vm
            raise


class TakesAHostnameThatGoesOn(GoodBackend):
    """A backend that accepts a longer hostname, as if a domain followed."""

    breaks, says = "A18", "was accepted"

    def meant(self, cloud: str, node: str | None, hostname: str | None) -> Vm:
        try:
            return super().meant(cloud, node, hostname)
        except NodeNotFound:
            for vm in self.of(cloud):
                if hostname is not None and hostname.startswith(vm.hostname):
                    return vm
            raise


class LosesForeignLetters(GoodBackend):
    breaks, says = "A19", "shows the user"

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        user = request.user.encode("ascii", "replace").decode()
        return super().assign_vm(replace(request, user=user))


class CutsLongNames(GoodBackend):
    breaks, says = "A19", "shows the user"

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        return super().assign_vm(replace(request, user=request.user[:64]))


class PutsUsersIntoAPath(GoodBackend):
    breaks, says = "A19", "502"

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        if "/" in request.user:
            raise CloudError("The backend answered with an error")
        return super().assign_vm(request)


class MixesItsClouds(GoodBackend):
    breaks, says = "A20", "of another cloud"

    def of(self, cloud: str) -> list[Vm]:
        return super().of("cloud")


class ServesOneCloudAlone(GoodBackend):
    """A backend that uses one cloud, whatever cloud is requested."""

    breaks, says = "A20", "answered 200"

    @hookimpl
    def resolve_vm(self, cloud: str, node: str | None, hostname: str | None) -> Vm:
        return super().resolve_vm("cloud", node, hostname)

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        return super().assign_vm(replace(request, cloud="cloud"))


class ChecksWhatItMayNot(GoodBackend):
    breaks, says = "A21", "Only administrators may ask this"

    @hookimpl
    def check(self) -> None:
        super().check()
        raise CredentialsRefused("Only administrators may ask this")


class GivesTheFirstOfThatHostname(GoodBackend):
    """A backend that looks VMs up by hostname and copies the requested id into its answer."""

    breaks, says = "A22", "was requested, but"

    def known(self, cloud: str, vm: Vm) -> Vm:
        return self.meant(cloud, None, vm.hostname)

    @hookimpl
    def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        return replace(super().assign_vm(request), id_vm=request.vm.id_vm)

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        return replace(super().release_vm(cloud, vm), id_vm=vm.id_vm)


class FreesTheFirstOfThatHostname(GoodBackend):
    breaks, says = "A22", "was released, but"

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        first = self.meant(cloud, None, vm.hostname)
        return replace(super().release_vm(cloud, first), id_vm=vm.id_vm)
