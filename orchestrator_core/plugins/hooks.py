"""The hooks of one plugin object, with their answers checked against the contract.

This is the only module that calls a plugin's code. A call ends either with an answer that matches
the contract or with one of the core's errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

import structlog

from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudError, InvalidAnswer, OrchestratorError, Unsupported
from orchestrator_core.model import AssignmentResult
from orchestrator_core.plugins import start_fields
from orchestrator_core.plugins.conformity import fault, no_list
from orchestrator_core.plugins.contract import HookMethod, changes_of_nodes, hook_methods
from orchestrator_core.plugins.network_errors import translated
from orchestrator_core.plugins.record import Kind
from orchestrator_core.plugins.spoken import Spoken
from orchestrator_core.plugins.start_fields import TakenFields
from orchestrator_core.redaction import Endpoint

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_LOOKUPS: Final = frozenset({"get_node", "list_nodes"})
"""The hooks that show a node before it is changed."""


class Hooks:
    """The hooks of one configured cloud or backend.

    Args:
        kind: the kind of plugin, which selects the contract.
        title: the beginning of every message, for example ``Cloud aws``.
        plugin: the object made from the plugin's class.
        endpoint: the address of its cloud, as far as the settings tell it.
    """

    def __init__(
        self, kind: Kind, title: str, plugin: Any, endpoint: Endpoint | None = None
    ) -> None:
        self.title = title
        self._spoken = Spoken(title, endpoint or Endpoint())
        self._kind = kind
        self._reasons: Mapping[str, str] | None = None
        self._start_fields: TakenFields | None = None
        self._declined: set[str] = set()
        self._checked: dict[str, tuple[Any, ...]] = {}
        self._plugin = plugin

    @property
    def _methods(self) -> Mapping[str, HookMethod]:
        return hook_methods(self._kind, self._plugin)

    def trait(self, name: str, *, default: bool) -> bool:
        """Return an attribute of the plugin's class as a truth value."""
        return bool(getattr(type(self._plugin), name, default))

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words in an attribute of the plugin's class; none without the attribute."""
        named = getattr(type(self._plugin), name, ())
        return tuple(word for word in named if isinstance(word, str))

    def supports(self, hook: str) -> bool:
        """Return whether the plugin's class implements this hook, even if this cloud refuses it."""
        return hook in self._methods

    def offers(self, hook: str) -> bool:
        """Return whether the plugin implements this hook and is not known to refuse it.

        This never blocks.
        """
        return self.supports(hook) and hook not in self._declined and hook not in self._known()

    def decline(self, hook: str) -> None:
        """Note that the plugin has refused a hook which the core can do without."""
        self._declined.add(hook)

    def _known(self) -> Mapping[str, str]:
        return self._reasons or {}

    def reason_against(self, hook: str) -> str | None:
        """Return why this hook cannot be used here; None when it can. The first call may block."""
        if hook not in self._methods:
            return "its plugin does not implement it"
        if hook in changes_of_nodes() and not self._methods.keys() & _LOOKUPS:
            return "its plugin implements neither get_node nor list_nodes, to look a node up first"
        if self._reasons is None:
            self._reasons = self._unsupported()
        return self._reasons.get(hook)

    @property
    def known_start_fields(self) -> TakenFields | None:
        """The answer of :meth:`start_fields`, if it was asked for before. This never blocks."""
        return self._start_fields

    def start_fields(self) -> TakenFields:
        """Return how this cloud takes each optional field of a start. The first call may block.

        Raises:
            InvalidAnswer: when the plugin's answer does not match the contract.
        """
        if self._start_fields is None:
            answer = start_fields.WITHOUT_HOOK
            if "start_fields" in self._methods:
                answer = self._call("start_fields", {})
                wrong = start_fields.fault(answer)
                if wrong is not None:
                    raise self._invalid("start_fields", wrong)
            self._start_fields = start_fields.complete(
                answer, lambda reason: self._spoken.reason(reason, "start_fields")
            )
        return self._start_fields

    def takes_argument(self, hook: str, argument: str) -> bool:
        """Return whether the plugin implements a hook with this argument."""
        return hook in self._methods and argument in self._methods[hook].arguments

    def require(self, hook: str) -> None:
        """Check that this hook can be used here. The first call may block.

        Raises:
            Unsupported: when it cannot, with the reason.
        """
        reason = self.reason_against(hook)
        if reason is not None:
            raise Unsupported(f"{self.title} does not support {hook}: {reason}")

    def call(self, hook: str, **arguments: Any) -> Any:
        """Call a hook and return its answer.

        Raises:
            Unsupported: when the plugin does not implement it.
            OrchestratorError: the error that the plugin raised, if it is one of the core's.
            CloudError: in place of any other error that it raised.
        """
        self.require(hook)
        return self._call(hook, arguments)

    def _call(self, hook: str, arguments: dict[str, Any]) -> Any:
        try:
            return self._methods[hook].call(self._plugin, arguments)
        except OrchestratorError as error:
            raise _without_its_way(self._spoken.clean(error, hook, arguments)) from None
        except BaseException as error:  # noqa: BLE001 - no exception of a plugin may pass
            # Not even KeyboardInterrupt passes. A real one reaches only the main thread, where no
            # hook is called, and one that a plugin raises would end this worker. The error's text
            # may contain a credential or an inner address, so it goes only to the log.
            known = translated(error, self.title, hook)
            if known is not None:
                ours, hint = known
                name = type(error).__name__
                _log.warning("plugin raised", of=self.title, hook=hook, error=name, hint=hint)
                _log.debug("cause", error=ours.code, why=ours.message, exc_info=error)
                raise ours from None
            _log.exception("plugin raised", of=self.title, hook=hook, error=type(error).__name__)
            raise CloudError(f"{self.title} failed in {hook} ({type(error).__name__})") from None

    def one(self, hook: str, expected: type[T], **arguments: Any) -> T:
        """Call a hook that returns one object.

        Raises:
            InvalidAnswer: when it returns something else, or an object with wrong values.
        """
        answer = self.call(hook, **arguments)
        self._hold_to(hook, (answer,), expected, listed=False)
        if isinstance(answer, AssignmentResult):
            answer.result = self._spoken.result(answer.result, hook)
        return cast("T", answer)

    def many(self, hook: str, expected: type[T], **arguments: Any) -> Sequence[T]:
        """Call a hook that returns a list.

        Raises:
            InvalidAnswer: when it returns no list, or a list of something else.
        """
        answer = self.call(hook, **arguments)
        if not isinstance(answer, list | tuple):
            raise self._invalid(hook, no_list(answer, expected))
        # The contract says that a plugin does not change what it has returned.
        if answer is not self._checked.get(hook):
            self._hold_to(hook, answer, expected)
            if type(answer) is tuple:
                self._checked[hook] = answer
        return cast("Sequence[T]", answer)

    @property
    def abort(self) -> Callable[[Deadline], None] | None:
        """Return the function that asks a call to end; None if the plugin does not support this."""
        return self._abort if self.supports("abort") else None

    def _abort(self, deadline: Deadline) -> None:
        with suppress(OrchestratorError):
            self._call("abort", {"deadline": deadline})

    def _unsupported(self) -> Mapping[str, str]:
        if "unsupported" not in self._methods:
            return {}
        answer = self._call("unsupported", {})
        if not isinstance(answer, Mapping) or not all(
            isinstance(word, str) for item in answer.items() for word in item
        ):
            raise self._invalid(
                "unsupported", f"it returned {type(answer).__name__}; return a dict of str to str"
            )
        return {name: self._spoken.reason(reason, name) for name, reason in answer.items()}

    def _hold_to(
        self, hook: str, things: Sequence[Any], expected: type, *, listed: bool = True
    ) -> None:
        wrong = fault(things, expected, listed=listed)
        if wrong is not None:
            raise self._invalid(hook, wrong)

    def _invalid(self, hook: str, why: str) -> InvalidAnswer:
        return InvalidAnswer(f"{self.title} gave no usable answer to {hook}: {why}")


def _without_its_way(error: OrchestratorError) -> OrchestratorError:
    """Return a plugin's error without its cause and the frames that it came through.

    The plugin's frames may refer to the error, and it refers to them. This cycle would keep all
    objects of the call (connections, whole answers) until Python's collector runs.
    """
    if error.__cause__ is not None:
        _log.debug("cause", error=error.code, why=error.message, exc_info=error.__cause__)
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
