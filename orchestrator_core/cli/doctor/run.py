"""The run of the examinations, each within a time limit of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from orchestrator_core.cli.doctor.findings import Examination, Finding, problem
from orchestrator_core.cli.doctor.subject import Subject

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


def run_all(
    examinations: Sequence[Examination], subject: Subject, seconds: float = SECONDS
) -> list[tuple[Examination, list[Finding]]]:
    """Run examinations at once; return the findings of each.

    An examination that fails or takes too long is a finding itself.
    """
    ends_at = time.monotonic() + seconds
    tasks = [(one, Task(lambda one=one: list(one.examine(subject)))) for one in examinations]  # type: ignore[misc]
    return [(one, _findings(one, task, ends_at, seconds)) for one, task in tasks]


def _findings(
    examination: Examination, task: Task[list[Finding]], ends_at: float, seconds: float
) -> list[Finding]:
    try:
        return task.result(ends_at - time.monotonic())
    except TimeoutError:
        why = f"did not end within {seconds:g} s"
    except Exception as error:  # noqa: BLE001 - the other examinations go on
        why = f"failed ({type(error).__name__}: {error})"
    return [
        problem(
            "examination_failed",
            f"The examination {examination.name!r} {why}.",
            "It tells nothing about this part of the installation.",
            f"Look at that part by hand, then run it alone: orchestrator doctor {examination.name}",
        )
    ]
