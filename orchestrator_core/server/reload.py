"""SIGHUP: new settings take over only once they have been tried.

Gunicorn by itself reads its configuration, forks new workers and stops when they cannot load
the application or it cannot bind a new address. Here the new settings are first read, a new address
bound for a trial and every plugin loaded in a process of its own; if that fails the old workers
go on, and the log says why.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.server import tls
from orchestrator_core.server.binding import check_binding, warn_of_plain_tokens
from orchestrator_core.server.listening import addresses_after, try_addresses
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.removal import check_removal
from orchestrator_core.settings.snapshot import current, take

_CHECK_SECONDS = 60


def guard_reload(arbiter: Any, renew: Callable[[], None]) -> None:
    """Make this gunicorn master try new settings before it takes them.

    Args:
        arbiter: the master.
        renew: called when new settings are in force.
    """
    arbiter.handle_hup = _guarded(arbiter, arbiter.handle_hup, renew)


def _guarded(
    arbiter: Any, reload: Callable[[], None], renew: Callable[[], None]
) -> Callable[[], None]:
    def handle_hup() -> None:
        try:
            settings = load_settings(current().file)
            check_removal(current(), settings)
            wanted = addresses_after(arbiter.cfg, current(), settings)
            check_binding(settings, wanted)
            try_addresses(wanted, arbiter.cfg.address)
            context = tls.make_context(settings)
            _try_plugins(settings)
        except OrchestratorError as error:
            arbiter.log.error(  # noqa: TRY400 - what is wrong is in the settings, not in a frame
                "The new settings are not used, the old workers go on: %s", error.message
            )
            return
        take(settings)
        tls.keep(context)
        warn_of_plain_tokens(settings, wanted, arbiter.log)
        reload()
        renew()

    return handle_hup


def _try_plugins(settings: Settings) -> None:
    """Load what these settings load, as a new worker would, without ever being one.

    Raises:
        OrchestratorError: with what the trial said.
    """
    command = [sys.executable, "-m", "orchestrator_core.cli", "check", "--quiet", "--reload"]
    if settings.file is not None:
        command += ["--config", os.fspath(settings.file)]
    try:
        trial = subprocess.run(  # noqa: S603 - our own interpreter, our own command
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_CHECK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OrchestratorError(f"trying them took more than {_CHECK_SECONDS} s") from None
    if trial.returncode:
        said = trial.stderr.strip() or trial.stdout.strip() or "the trial failed"
        raise OrchestratorError(said.removeprefix("orchestrator: "))
