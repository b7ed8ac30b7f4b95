"""The file with which a worker shows its master that it is alive."""

from __future__ import annotations

import os

from gunicorn.workers.workertmp import WorkerTmp


class Heartbeat(WorkerTmp):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's heartbeat file, in memory.

    Gunicorn creates it in the folder for temporary files. If that folder is full, read-only or
    missing, no worker could replace a dead one.
    """

    def __init__(self, cfg: object) -> None:
        try:
            descriptor = os.memfd_create("orchestrator-worker")
        except (AttributeError, OSError):  # not Linux, or not permitted
            super().__init__(cfg)
        else:
            self._tmp = os.fdopen(descriptor, "w+b", 0)
