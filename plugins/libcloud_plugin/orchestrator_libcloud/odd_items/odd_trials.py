"""Trials: a driver makes its list of changed answers, and falls or does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator_core import NonsenseAnswer, OrchestratorError
from orchestrator_libcloud.nodes.odd_log import cloud_name
from orchestrator_libcloud.odd_items.answer_copies import Trace
from orchestrator_libcloud.odd_items.answer_edits import Edits
from orchestrator_libcloud.odd_items.answer_tape import Tape, Unrecorded, World
from orchestrator_libcloud.odd_items.odd_values import first_of
from orchestrator_libcloud.paging.paging import ListStopped

_NO_IDS: Final = frozenset({"", "None"})
_IS_OBJECT: Final = re.compile(r"(\[.*\]|\{\}|\{.*: .*\}|\(.*\)|<.*>)\Z", re.DOTALL)
"""How objects and lists look as texts; an id may well be in braces."""

_REQUESTS: Final = re.compile(r"(requests|urllib3)/|libcloud/(http|common/base)[.]py")
_OURS: Final = re.compile(r"(answer_copies|answer_tape|odd_trials|complete)[.]py")


class NoIdentity(NonsenseAnswer):
    """Something on a list has no id that can be used.

    Attributes:
        made: how many things the driver made, those without an id too.
    """

    made = 0


def identified(things: Iterable[Any]) -> list[Any]:
    """Return the things of a list, each of which must have an id.

    Raises:
        NoIdentity: when one has none.
    """
    found = list(things)
    for thing in found:
        if not hasattr(thing, "id"):
            continue
        # Libcloud's constructors make text of everything, of nothing and of objects too.
        told = str(thing.id)
        if thing.id is None or told in _NO_IDS or _IS_OBJECT.match(told):
            error = NoIdentity(f"{cloud_name()} gave something without an id")
            error.made = len(found)
            raise error
    return found


def is_mendable(error: Exception, tape: Tape) -> bool:
    """Whether a driver fell over what an answer says, and not over a request.

    Args:
        error: what the driver raised.
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
    """Return what two falls over the same thing have in common."""
    if isinstance(error, NoIdentity):
        return (NoIdentity,)
    if (request := tape.request_of(error)) is not None:
        return type(error), request
    frames = _frames(error)
    # One line of a driver may look two keys up, the second one in what it found for the first.
    key = error.args[0] if isinstance(error, KeyError) and error.args else None
    own = [frame for frame in frames if not _OURS.search(frame[0].co_filename)]
    return (type(error), key if isinstance(key, str) else None, *(own or frames)[-2:])


@dataclass
class Outcome:
    """How one trial went.

    Attributes:
        found: what the driver made; None where it fell.
        fault: over what it fell.
        trace: what it asked of the answers, where that was noted.
        made: how many things it made, one of them without an id.
        missing: the key that it did not find in a dictionary, if it fell over that.
        error: what it raised, where it fell over an answer.
    """

    found: list[Any] | None = None
    fault: tuple[Any, ...] | None = None
    trace: Trace = field(default_factory=Trace)
    made: int = 0
    missing: str | None = None
    error: Exception | None = None

    @property
    def count(self) -> int:
        """How many things the driver made."""
        return len(self.found or ())

    def fail(self, error: Exception, tape: Tape) -> None:
        """Note what the driver raised."""
        self.error = error
        self.fault = fault_of(error, tape)


class Trials:
    """Has a driver make its list of the recorded answers again.

    Args:
        tape: the answers of the call.
        run: makes the list of what the tape gives.

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
            edits: what is another way in the answers.
            may_ask: whether requests that have no recorded answer are sent.
            traced: whether to note what the driver asks of the answers.
            variant: which of two made-up values stand in the answers.

        Raises:
            ListStopped: when a request fails that was sent.
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
        except NonsenseAnswer as error:  # of a list that the plugin makes itself
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
