"""The contract of extensions: policies and observers."""

from __future__ import annotations

from orchestrator_core.hookspecs.markers import hookspec
from orchestrator_core.model import Call, Outcome


class ExtensionHooks:
    """The hooks of a policy or an observer, in the group ``orchestrator.extensions.v1``.

    Its ``context`` is an :class:`~orchestrator_core.ExtensionContext`.

    An extension sees each call of a caller once. It does not see what the server does by itself
    afterwards. Extensions are called in the order of the settings, both before and after the call.

    Common arguments:
        call: the operation, its parameters, its cloud and its caller.
    """

    @hookspec
    def before_call(self, call: Call) -> None:
        """Inspect a call before it is made; change its parameters or deny it.

        The operation :attr:`~orchestrator_core.Call.operation_id` is not recorded yet.
        :meth:`Inventory.operations <orchestrator_core.Inventory.operations>` returns at any later
        time whether it was recorded, and its state.

        :raises Forbidden: to deny the call, with the reason.

        .. versionadded:: 0.1
        """

    @hookspec
    def after_call(self, call: Call, outcome: Outcome) -> None:
        """Observe the end of a call, without changing it.

        The core calls this hook for every call, denied calls included, unless the process was
        killed. A change that ended with an error may still be in progress.

        Args:
            outcome: the answer or the error, the duration, and the number of attempts.

        .. versionadded:: 0.1
        """
