"""Refusals of changes of VMs and assignments, one class for each reason.

Version 1 shows all subclasses of ``Refused`` as ``refused``; later versions show their own codes.
"""

from __future__ import annotations

from orchestrator_core.errors import Held, Refused


class AlreadyAssigned(Refused):
    """The VM is assigned to another user or application.

    .. versionadded:: 0.1
    """

    code = "already_assigned"


class NotAssigned(Refused):
    """The VM is not assigned.

    .. versionadded:: 0.1
    """

    code = "not_assigned"


class AssignmentInProgress(Refused):
    """An assign or a release of the VM is in progress."""

    code = "assignment_in_progress"


class NoLease(Refused):
    """The assignment has no lease that could be renewed."""

    code = "no_lease"


class LeaseEnded(Refused):
    """The lease of the assignment has ended."""

    code = "lease_ended"


class StaleGeneration(Refused):
    """The request means another assignment of the VM than the present one."""

    code = "stale_generation"


class Protected(Refused):
    """An operator protects the VM from being destroyed."""

    code = "protected"


class NotOwn(Refused):
    """The VM was neither started nor adopted here, and only such VMs may be destroyed."""

    code = "not_own"


class BeingDestroyed(Refused):
    """The VM is being released or destroyed, or is destroyed already."""

    code = "being_destroyed"


class BeingRenamed(Refused):
    """The VM is being renamed, and its backend knows it by its name."""

    code = "being_renamed"


class IsOrphan(Refused):
    """The VM is an orphan; an operator decides about it first."""

    code = "is_orphan"


class AmbiguousHostname(Refused):
    """The assignment backend cannot tell the VM from another one with the same hostname."""

    code = "ambiguous_hostname"


class NotUsable(Refused):
    """The VM is in a state in which it cannot be assigned.

    .. versionadded:: 0.1
    """

    code = "not_usable"


class ClockInDoubt(Held):
    """The database's clock has jumped, and no operator has confirmed it yet."""

    code = "clock_in_doubt"
