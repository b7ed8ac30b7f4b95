"""The end of a web worker's event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

import pytest

from orchestrator_core.server.worker import Worker


class SignalledLoop(asyncio.SelectorEventLoop):
    """A loop to which a signal is sent while it closes: its pipe is closed, its handler is not."""

    def _close_self_pipe(self) -> None:
        super()._close_self_pipe()  # type: ignore[misc]  # private to asyncio
        os.kill(os.getpid(), signal.SIGUSR2)


def test_a_signal_during_the_end_leaves_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    ignored: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    worker = Worker.__new__(Worker)
    worker.loop, worker.sockets = SignalledLoop(), []
    worker.loop.add_signal_handler(signal.SIGUSR2, lambda: None)
    worker._cleanup()
    assert worker.loop.is_closed()
    assert ignored == []
