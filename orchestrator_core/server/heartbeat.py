"""The file through which a worker tells its master that it lives."""

from __future__ import annotations

import os

from gunicorn.workers.workertmp import WorkerTmp


class Heartbeat(WorkerTmp):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's file, in memory.

    Gunicorn makes it in the folder for temporary files. With that folder full, read-only or gone
    no worker could take a dead one's place.
    """

    def __init__(self, cfg: object) -> None:
        try:
            descriptor = os.memfd_create("orchestrator-worker")
        except (AttributeError, OSError):  # not Linux, or forbidden
            super().__init__(cfg)
        else:
            self._tmp = os.fdopen(descriptor, "w+b", 0)
