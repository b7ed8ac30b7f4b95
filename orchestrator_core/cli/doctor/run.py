"""The run of the examinations, each within a time limit of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from orchestrator_core.cli.doctor.findings import Examination, Finding, problem
from orchestrator_core.cli.doctor.subject import Subject
from orchestrator_core.errors import OrchestratorError

T = TypeVar("T")

SECONDS: Final = 30.0
"""The seconds that all examinations together may take, beside the loading of the settings."""


class Task(Generic[T]):
    """A call in a thread that does not keep this process from ending.

    Args:
        call: the call.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._result: T | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._call()
        except BaseException as error:  # noqa: BLE001 - the waiting thread reports it
            self._error = error

    @property
    def is_running(self) -> bool:
        """Whether the call has not ended yet."""
        return self._thread.is_alive()

    def result(self, seconds: float) -> T:
        """Return the result of the call.

        Raises:
            TimeoutError: The call has not ended within this many seconds.
            Exception: The error of the call.
        """
        self._thread.join(max(0.0, seconds))
        if self._thread.is_alive():
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # the call has ended


@dataclass(frozen=True, slots=True)
class Result:
    """The findings of one examination, and whether its thread has ended."""

    examination: Examination
    findings: list[Finding]
    has_ended: bool = True


def run_all(
    examinations: Sequence[Examination], subject: Subject, seconds: float = SECONDS
) -> list[Result]:
    """Run examinations at once; return the result of each.

    An examination that fails or takes too long is a finding itself.

    Args:
        examinations: the examinations.
        subject: the installation.
        seconds: the time for all of them.
    """
    ends_at = time.monotonic() + seconds
    tasks = [(one, _begin(one, subject)) for one in examinations]
    return [_result(one, task, ends_at, seconds) for one, task in tasks]


def _begin(examination: Examination, subject: Subject) -> Task[list[Finding]]:
    return Task(lambda: list(examination.examine(subject)))


def _result(
    examination: Examination, task: Task[list[Finding]], ends_at: float, seconds: float
) -> Result:
    try:
        return Result(examination, task.result(ends_at - time.monotonic()))
    except TimeoutError:
        return Result(
            examination,
            [_failed(examination, f"did not end within {seconds:g} s")],
            has_ended=not task.is_running,
        )
    except OrchestratorError as error:
        return Result(examination, [_failed(examination, f"failed: {error.message}")])
    except Exception as error:  # noqa: BLE001 - the other examinations go on
        why = f"failed ({type(error).__name__}: {error})"
        return Result(examination, [_failed(examination, why)])


def _failed(examination: Examination, why: str) -> Finding:
    return problem(
        "examination_failed",
        f"The examination {examination.name!r} {why}.",
        "It tells nothing about this part of the installation.",
        f"Look at that part by hand, then run it alone: orchestrator doctor {examination.name}",
    )
