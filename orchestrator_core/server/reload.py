"""The reload on SIGHUP: new settings are used only after a successful trial.

Gunicorn alone reads its configuration and forks new workers. It stops when they cannot load the
application or when it cannot bind a new address. Here three steps come first: the new settings are
read, a new address is bound as a trial, and every plugin is loaded in a separate process. If one of
them fails, the old workers continue and the log gives the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.redaction import redact
from orchestrator_core.running import note_refusal, note_server
from orchestrator_core.server import metrics_address, tls
from orchestrator_core.server.binding import check_binding, warn_of_plain_tokens
from orchestrator_core.server.handover import reload_with_care
from orchestrator_core.server.listening import addresses_after, try_addresses
from orchestrator_core.server.trial import try_plugins
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.removal import check_removal
from orchestrator_core.settings.snapshot import current, prove, take


def guard_reload(arbiter: Any, renew: Callable[[], None], look: Callable[[], None]) -> None:
    """Make this gunicorn master try new settings before it uses them.

    Args:
        arbiter: the master.
        renew: the function that is called when new settings are in force.
        look: the function that is called repeatedly while the old workers end.
    """
    arbiter.handle_hup = _guarded(arbiter, arbiter.handle_hup, renew, look)
    # Gunicorn's reload would read its file once more, after the check in `_take`.
    arbiter.app.reload = lambda: None


def _guarded(
    arbiter: Any, reload: Callable[[], None], renew: Callable[[], None], look: Callable[[], None]
) -> Callable[[], None]:
    def handle_hup() -> None:
        try:
            _check_kind(current().file)
            settings = load_settings(current().file)
            check_removal(current(), settings)
            wanted = addresses_after(arbiter.cfg, current(), settings)
            check_binding(settings, wanted)
            try_addresses(wanted, arbiter.cfg.address)
            context = tls.make_context(settings)
            metrics = metrics_address.prepare(settings, wanted)
            try:
                try_plugins(settings, arbiter.reap_workers, arbiter.manage_workers)
                _take(settings, arbiter.app)
            except BaseException:
                metrics_address.discard(metrics)
                raise
        except Exception as error:  # noqa: BLE001 - the old workers must continue
            arbiter.log.error(  # noqa: TRY400 - the fault is in the settings, not in a frame
                "The new settings are not used; the old workers continue: %s",
                why := error.message if isinstance(error, OrchestratorError) else _described(error),
            )
            note_refusal(redact(why))
            return
        tls.keep(context)
        metrics_address.keep(metrics, arbiter.log)
        warn_of_plain_tokens(settings, wanted, arbiter.log)
        note_server(settings)  # the old workers may take long to end
        reload_with_care(arbiter, reload, look)
        note_server(settings, addresses=[str(listener) for listener in arbiter.LISTENERS])
        renew()

    return handle_hup


def _take(settings: Settings, app: Any) -> None:
    """Put settings in force, unless gunicorn's own configuration cannot be read with them.

    Gunicorn reads its file again, and would end the process if it cannot.

    Raises:
        OrchestratorError: when it cannot be read; the previous settings are in force again then.
    """
    before, configuration = current(), app.cfg
    take(settings)
    try:
        app.do_load_config()
        _check_whole(configuration, app.cfg)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - gunicorn ends with either
        app.cfg = configuration
        take(before)
        raise OrchestratorError(f"gunicorn's configuration cannot be read: {error}") from None
    prove()


def _check_whole(before: Any, after: Any) -> None:
    """Refuse a file of gunicorn's configuration that is empty or half-written.

    Its first and its last key are compared. Without them gunicorn would start workers of another
    class, which cannot serve this application.

    Raises:
        OrchestratorError: when a key is missing or has another value.
    """
    for key in ("worker_class", "on_starting"):
        if after.settings[key].get() != before.settings[key].get():
            raise OrchestratorError(f"{key} is missing or different; is the file half-written?")


def _check_kind(file: Path | None) -> None:
    """Refuse a pipe: reading it could block the master without limit.

    Raises:
        OrchestratorError: when the file is a pipe.
    """
    if file is not None and file.is_fifo():
        raise OrchestratorError(f"{file}: is a pipe, not a file")


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
