"""The contract of assignment backends."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_core.deadline import Deadline
from orchestrator_core.hookspecs.markers import hookspec
from orchestrator_core.model import AssignmentResult, AssignRequest, Vm


class AssignmentHooks:
    """The hooks of an assignment backend, in the entry-point group ``orchestrator.assignments.v1``.

    The backend chooses VMs, allows assignments and reports them. The core's ledger records the
    holder of each VM, and the core destroys VMs. The backend's ``context`` is a
    :class:`~orchestrator_core.BackendContext`. It may keep more data in tables of its own, as
    described above.

    The class attribute ``external = False`` says that the backend keeps no assignments outside the
    core's ledger; an assign is then one transaction there. ``by_hostname = True`` says that the
    backend identifies a VM by its hostname alone. The core then refuses a VM whose hostname another
    living VM of the backend's clouds has, and takes the holder of a VM from its own ledger.

    .. versionadded:: 0.1
       ``by_hostname``

    Common arguments:
        cloud: the name of the cloud in the settings.
        deadline: the time by which the caller wants the answer, as for :class:`CloudHooks`.
    """

    @hookspec(firstresult=True)
    def check(self, deadline: Deadline) -> None:
        """Check with a cheap request that the backend can be reached. Safe to repeat.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def list_vms(self, cloud: str, deadline: Deadline) -> Sequence[Vm]:
        """Return every VM of the cloud that the backend knows. Safe to repeat.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def resolve_vm(
        self, cloud: str, node: str | None, hostname: str | None, deadline: Deadline
    ) -> Vm:
        """Return the one VM that a node id, a hostname or both identify.

        Safe to repeat.

        Args:
            node: the cloud's id of the VM; None when the caller gave only a hostname.
            hostname: the VM's name; None when the caller gave only a node id.

        :raises NodeNotFound: when the backend does not know the VM.
        :raises InvalidParameter: when the node id and the hostname mean different VMs, or the
            hostname fits several VMs; the error names them.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def assign_vm(self, request: AssignRequest, deadline: Deadline) -> AssignmentResult:
        """Assign a VM to a user and an application.

        Args:
            request: the VM, the user and the application; the VM is as :meth:`resolve_vm` returned
                it.

        :raises AlreadyAssigned, NotUsable: when another user has the VM, or its state does not
            allow it.
        :raises Refused: with the backend's own reason.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def release_vm(self, cloud: str, vm: Vm, deadline: Deadline) -> AssignmentResult:
        """Release a VM from its user. The core destroys it afterwards.

        Args:
            vm: the VM as :meth:`resolve_vm` returned it.

        :raises NotAssigned: when no user has the VM.
        :raises Refused: with the backend's own reason.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def abort(self, deadline: Deadline) -> None:
        """End the running call that received this deadline, as :meth:`CloudHooks.abort` does.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def close(self) -> None:
        """Close connections and end threads.

        The process is about to end, or a new object of the class has replaced this one. Calls that
        this object still serves continue.

        .. versionadded:: 0.1
        """
