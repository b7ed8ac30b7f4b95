"""The command ``orchestrator serve``: gunicorn in this process, with this project's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gunicorn.app.wsgiapp import WSGIApplication

from orchestrator_core.resources import shipped_file


class Server(WSGIApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn, configured by ``conf/gunicorn.conf.py`` and then by these arguments.

    Args:
        overrides: the gunicorn settings that replace those of the file: ``bind``, ``workers``.
    """

    def __init__(self, overrides: dict[str, Any]) -> None:
        self._overrides = overrides
        self.app_uri = "orchestrator_core.app:create_app()"
        super().__init__(prog="orchestrator")

    def load_config(self) -> None:
        """Read the shipped configuration; the arguments of this process are not gunicorn's."""
        file = shipped_file("gunicorn.conf.py")
        _check_python(file)  # gunicorn would show a stack trace
        self.load_config_from_file(str(file))
        for key, value in self._overrides.items():
            self.cfg.set(key, value)


def _check_python(file: Path) -> None:
    """Check that a file can be read and is Python.

    Raises:
        RuntimeError: with the reason, which gunicorn shows.
    """
    try:
        compile(file.read_bytes(), file, "exec")
    except (OSError, SyntaxError, ValueError) as error:
        raise RuntimeError(f"{file} cannot be used: {error}") from None


def serve(bind: str | None, workers: int | None) -> None:
    """Serve until the process is stopped; this function never returns.

    Args:
        bind: the ``HOST:PORT`` that replaces the settings'.
        workers: the number of processes that replaces the settings'.
    """
    overrides = {"bind": bind, "workers": workers}
    Server({key: value for key, value in overrides.items() if value is not None}).run()
