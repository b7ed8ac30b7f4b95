"""Trials in which a driver makes its list from changed answers, and fails or succeeds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator_core import InvalidAnswer, OrchestratorError
from orchestrator_libcloud.nodes.odd_log import cloud_name
from orchestrator_libcloud.odd_items.answer_copies import Trace
from orchestrator_libcloud.odd_items.answer_edits import Edits
from orchestrator_libcloud.odd_items.answer_tape import Tape, Unrecorded, World
from orchestrator_libcloud.odd_items.odd_values import first_of
from orchestrator_libcloud.paging.paging import ListStopped
from orchestrator_libcloud.patterns import Pattern

_NO_IDS: Final = frozenset({"", "None"})
_IS_OBJECT: Final = Pattern(r"(\[.*\]|\{\}|\{.*: .*\}|\(.*\)|<.*>)\Z", re.DOTALL)
"""The text forms of objects and lists; an id may well be in braces."""

_REQUESTS: Final = Pattern(r"(requests|urllib3)/|libcloud/(http|common/base)[.]py")
_OURS: Final = Pattern(r"(answer_copies|answer_tape|odd_trials|complete)[.]py")


class NoIdentity(InvalidAnswer):
    """Error: a thing on a list has no usable id.

    Attributes:
        made: the number of things that the driver made, including those without an id.
    """

    made = 0


def identified(things: Iterable[Any]) -> list[Any]:
    """Return the things of a list, each of which must have an id.

    Raises:
        NoIdentity: a thing has no id.
    """
    found = list(things)
    for thing in found:
        if not hasattr(thing, "id"):
            continue
        # Libcloud's constructors turn every value into a text, including missing values and
        # objects.
        told = str(thing.id)
        if thing.id is None or told in _NO_IDS or _IS_OBJECT.match(told):
            error = NoIdentity(f"{cloud_name()} gave something without an id")
            error.made = len(found)
            raise error
    return found


def is_mendable(error: Exception, tape: Tape) -> bool:
    """Return whether a driver failed on the content of an answer, and not on a request.

    Args:
        error: the driver's error.
        tape: the answers of the call.
    """
    if isinstance(error, NoIdentity) or tape.request_of(error) is not None:
        return len(tape.entries) > 1 or (isinstance(error, NoIdentity) and bool(tape.entries))
    if not tape.entries or isinstance(error, OrchestratorError):
        return False
    return not any(_REQUESTS.search(code.co_filename) for code, _ in _frames(error))


def _frames(error: Exception) -> list[tuple[Any, int]]:
    frames = []
    at = error.__traceback__
    while at is not None:
        frames.append((at.tb_frame.f_code, at.tb_lineno))
        at = at.tb_next
    return frames


def fault_of(error: Exception, tape: Tape) -> tuple[Any, ...]:
    """Return a value that is equal for two failures on the same thing."""
    if isinstance(error, NoIdentity):
        return (NoIdentity,)
    if (request := tape.request_of(error)) is not None:
        return type(error), request
    frames = _frames(error)
    # One line of a driver may look two keys up, the second one in the result of the first.
    key = error.args[0] if isinstance(error, KeyError) and error.args else None
    own = [frame for frame in frames if not _OURS.search(frame[0].co_filename)]
    return (type(error), key if isinstance(key, str) else None, *(own or frames)[-2:])


@dataclass
class Outcome:
    """The result of one trial.

    Attributes:
        found: the list that the driver made; None if it failed.
        fault: the fault on which it failed.
        trace: the driver's reads from the answers, if they were recorded.
        made: the number of things that it made, one of them without an id.
        missing: the key that it did not find in a dictionary, if it failed on that.
        error: the error that it raised, if it failed on an answer.
    """

    found: list[Any] | None = None
    fault: tuple[Any, ...] | None = None
    trace: Trace = field(default_factory=Trace)
    made: int = 0
    missing: str | None = None
    error: Exception | None = None

    @property
    def count(self) -> int:
        """Return how many things the driver made."""
        return len(self.found or ())

    def fail(self, error: Exception, tape: Tape) -> None:
        """Record the driver's error."""
        self.error = error
        self.fault = fault_of(error, tape)


class Trials:
    """Runs in which a driver makes its list from the recorded answers again.

    Args:
        tape: the answers of the call.
        run: makes the driver build the list from the tape.

    Attributes:
        tried: the edits of the last trial.
    """

    def __init__(self, tape: Tape, run: Callable[[], list[Any]]) -> None:
        self.tape = tape
        self.run = run
        self.tried: Edits = {}

    def attempt(
        self, edits: Edits, *, may_ask: bool = False, traced: bool = False, variant: int = 0
    ) -> Outcome:
        """Make the list once.

        Args:
            edits: the changes to the answers.
            may_ask: whether requests without a recorded answer are sent.
            traced: whether to record the driver's reads from the answers.
            variant: which of two made-up values is in the answers.

        Raises:
            ListStopped: a request that was sent fails.
        """
        outcome = Outcome()
        self.tried = edits
        real = {
            number: {path: first_of(value, variant) for path, value in some.items()}
            for number, some in edits.items()
        }
        self.tape.play(World(real, may_ask, outcome.trace if traced else None))
        try:
            outcome.found = self.run()
        except Unrecorded:
            outcome.fault = (Unrecorded,)
        except ListStopped as stopped:
            if self.tape.request_of(stopped.error) is None:
                raise
            outcome.fail(stopped.error, self.tape)
        except NoIdentity as error:
            outcome.fail(error, self.tape)
            outcome.made = error.made
        except InvalidAnswer as error:  # from a list that the plugin makes itself
            outcome.fail(error, self.tape)
        except OrchestratorError:
            raise
        except Exception as error:  # noqa: BLE001 - drivers raise whatever they like
            outcome.fail(error, self.tape)
            if isinstance(error, KeyError) and isinstance(error.args[0], str):
                outcome.missing = error.args[0]
        finally:
            self.tape.world = None
        return outcome
