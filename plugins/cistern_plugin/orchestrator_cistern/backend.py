"""The plugin itself: one class, one method for each hook."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema

from orchestrator_cistern.answers import Answer, check_status, clean, read
from orchestrator_cistern.resolve import resolve
from orchestrator_cistern.schemas import NodeListSchema, ResultSchema
from orchestrator_cistern.settings import CisternSettings
from orchestrator_core import (
    AssignmentResult,
    AssignRequest,
    Deadline,
    InvalidAnswer,
    InvalidParameter,
    PluginContext,
    Vm,
    hookimpl,
)

_NODES: Schema = NodeListSchema()
_RESULT: Schema = ResultSchema()


class CisternBackend:
    """Backend in which one Cistern server chooses, allows and reports VMs."""

    settings_schema = CisternSettings
    by_hostname = True  # neither Cistern's assign nor its release takes a node id
    fake = "orchestrator_cistern.fake:fake"

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        # Only processes that use this backend load the HTTP client, not every server that has this
        # plugin.
        from orchestrator_cistern.client import CisternClient  # noqa: PLC0415

        self._title = f"Backend {context.name}"
        self._client = CisternClient(self._title, settings)
        self._with_faulty_nodes: bool = settings["with_faulty_nodes"]

    @hookimpl
    def check(self, deadline: Deadline) -> None:
        """Request the base address; any answer except 401, 403, 429 and 5xx is accepted.

        :raises CloudUnreachable, CloudTimeout, CredentialsRefused: when the check fails.
        """
        check_status(self._title, self._client.read((), None, deadline))

    @hookimpl
    def list_vms(self, cloud: str, deadline: Deadline) -> list[Vm]:
        """Return every VM of that cloud, with the faulty ones if the settings say so."""
        return self._list(cloud, deadline, with_faulty_nodes=self._with_faulty_nodes)

    @hookimpl
    def resolve_vm(
        self, cloud: str, node: str | None, hostname: str | None, deadline: Deadline
    ) -> Vm:
        """Return the one VM that the caller means.

        Faulty VMs are always included: they must be releasable, and a hostname that a faulty VM
        shares is ambiguous.

        :raises NodeNotFound: when there is no such VM.
        :raises InvalidParameter: when several VMs match; the message names them.
        """
        vms = self._list(cloud, deadline, with_faulty_nodes=True)
        return resolve(self._title, cloud, vms, node, hostname)

    @hookimpl
    def assign_vm(self, request: AssignRequest, deadline: Deadline) -> AssignmentResult:
        """Assign a VM to a user and an application; send the request only once.

        :raises Refused: with Cistern's reason.
        :raises InvalidAnswer: when Cistern says that it assigned another VM.
        """
        body = {
            "hostname": _hostname(request.vm),
            "user": request.user,
            "vm_type": request.vm_type,
        }
        path = ("vm", "assign", request.cloud)
        answer = self._client.change("POST", path, body, deadline)
        return self._result(answer, request.vm, "assigned")

    @hookimpl
    def release_vm(self, cloud: str, vm: Vm, deadline: Deadline) -> AssignmentResult:
        """Release a VM from its user; send the request only once.

        :raises Refused: with Cistern's reason.
        :raises InvalidAnswer: when Cistern says that it released another VM. The VM that was meant
        must not be destroyed then.
        """
        path = ("vm", "release", cloud)
        answer = self._client.change("PUT", path, {"hostname": _hostname(vm)}, deadline)
        return self._result(answer, vm, "released")

    @hookimpl
    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _list(self, cloud: str, deadline: Deadline, *, with_faulty_nodes: bool) -> list[Vm]:
        body = {"with_faulty_nodes": with_faulty_nodes}
        answer = self._client.read(("nodes", cloud), body, deadline)
        vms: list[Vm] = read(self._title, answer, _NODES)["nodes"]
        for vm in vms:
            vm.cloud = vm.cloud or cloud
        return vms

    def _result(self, answer: Answer, vm: Vm, done: str) -> AssignmentResult:
        said = read(self._title, answer, _RESULT)
        id_vm = said["id_vm"]
        if id_vm is not None and id_vm != vm.id_vm:
            raise InvalidAnswer(
                f"{self._title} was asked about node {vm.id_vm!r} and says that it {done} "
                f"node {clean(id_vm)!r}"
            )
        result = clean(said["result"] or "") or f"Node {vm.id_vm} {done}"
        return AssignmentResult(vm.id if said["id"] is None else said["id"], vm.id_vm, result)


def _hostname(vm: Vm) -> str:
    if not vm.hostname:
        raise InvalidParameter(
            "node", f"node {vm.id_vm!r} has no hostname, and Cistern identifies VMs by hostname"
        )
    return vm.hostname
