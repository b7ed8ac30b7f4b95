"""A server under fuzz: its processes, its memory and its log."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import Server

_FAULT = re.compile(r"Traceback|unexpected error|Error handling connection|\bCRITICAL\b")


def resident(pid: int) -> float:
    """Return the resident memory of a process, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has no memory: it has ended")


class Watch:
    """An observer of a server's processes, memory and log."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.pids = server.workers()
        self._size = self._read = self._log_size()
        self._memory = self.memory()

    def _log_size(self) -> int:
        return self._server.log_file.stat().st_size

    def memory(self) -> list[float]:
        """Return the resident memory of each worker, in MiB."""
        return [resident(pid) for pid in self.pids]

    def warm(self) -> None:
        """Take the current memory as the baseline."""
        self._memory = self.memory()

    @property
    def logged(self) -> int:
        """Return the bytes by which the log has grown."""
        return self._log_size() - self._size

    @property
    def growth(self) -> float:
        """Return the MiB by which the worker has grown that has grown most."""
        return max(
            after - before for after, before in zip(self.memory(), self._memory, strict=True)
        )

    def new_fault(self) -> str | None:
        """Return the first fault in the lines since the last call; None without one."""
        with self._server.log_file.open("rb") as log:
            log.seek(self._read)
            new = log.read()
        self._read += len(new)
        text = new.decode(errors="replace")
        found = _FAULT.search(text)
        return text[max(0, found.start() - 500) : found.end() + 3000] if found else None

    def check_processes(self) -> None:
        """Fail if a worker has been replaced."""
        assert self._server.workers() == self.pids, "a worker has ended"
