"""Examination of the permissions of settings, secrets, database, run directory and socket."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from orchestrator_core.cli.doctor.findings import Finding, problem, warning
from orchestrator_core.cli.doctor.subject import Subject
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.secrets import is_kept, open_files, secret_files

_BUT_OWNER: Final = stat.S_IRWXG | stat.S_IRWXO


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield files that more users may read or write than is needed."""
    if subject.file is not None:
        yield from _settings_file(subject.file, subject.settings)
    for file in sorted(open_files):
        yield _readable("secret_readable", file, "a secret", "use it")
    tls = subject.settings.server.tls
    if tls is not None and _mode(tls.key) & stat.S_IROTH:
        yield _readable("secret_readable", tls.key, "the server's key", "pretend to be the server")
    yield from _folders(subject)
    if subject.database is not None and subject.database.is_sqlite:
        yield from _database(Path(subject.database.shown))
    for server in subject.servers:
        if _mode(server.directory) & _BUT_OWNER:
            yield problem(
                "run_directory_open",
                f"The run directory {server.place} is open to other users.",
                "They may read or replace files that the server trusts.",
                f"chmod 700 {server.place}",
            )
    yield from _socket(subject.settings)


def _folders(subject: Subject) -> Iterator[Finding]:
    """Yield the folders of secrets in which every user may replace files."""
    tls = subject.settings.server.tls
    files = [*secret_files, *([] if tls is None else [tls.key, tls.certificate])]
    known = None if subject.file is None else subject.file.parent  # a finding of its own
    for folder in sorted({file.resolve().parent for file in files}):
        if folder != known and _is_open_to_writers(folder):
            yield _writable("secret_replaceable", folder, "replace the secrets in it by others")


def _settings_file(file: Path, settings: Settings) -> Iterator[Finding]:
    for path in (file, file.parent):
        if _is_open_to_writers(path):
            yield _writable("settings_writable", path, "change which servers and clouds are used")
    state = settings.state
    is_plain = state is not None and is_kept(state.url) and ("state", "url") not in settings.origins
    if is_plain and _has_password(settings) and _mode(file) & stat.S_IROTH:
        yield _readable("secret_readable", file, "the database's password", "use the database")


def _has_password(settings: Settings) -> bool:
    from sqlalchemy import make_url  # noqa: PLC0415 - only with a database
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    assert settings.state is not None
    with suppress(ArgumentError, ValueError):
        return bool(make_url(settings.state.url.reveal()).password)
    return False


def _database(file: Path) -> Iterator[Finding]:
    if file.exists() and _is_open_to_writers(file.parent):
        yield _writable("database_writable", file.parent, "replace the database")
    for one in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        mode = _mode(one)
        if mode & stat.S_IWOTH:
            yield _writable("database_writable", one, "change who holds which VM")
        elif mode & stat.S_IROTH:
            yield warning(
                "database_readable",
                f"Every user of this machine may read {one}.",
                "It has the names of users and VMs, and the answers of clouds.",
                f"chmod 600 {one}",
            )


def _socket(settings: Settings) -> Iterator[Finding]:
    bind = settings.server.bind
    if not bind.startswith("unix:"):
        return
    path, allowed = Path(bind.removeprefix("unix:")), settings.server.socket_mode
    mode = _mode(path)
    if mode & ~allowed:
        yield problem(
            "socket_open",
            f"The socket {path} has the permissions {mode:03o}, and [server] socket_mode allows "
            f"{allowed:03o}.",
            "More users may send requests than the settings say.",
            f"chmod {allowed:03o} {path}",
        )
    elif mode & stat.S_IWOTH and settings.auth.mode == "none":
        yield problem(
            "socket_open",
            f"Every user of this machine may send requests to {path}, without a token.",
            "Each of them could start and destroy VMs.",
            "[server] socket_mode = 0o660",
        )


def _mode(path: Path) -> int:
    """Return the permissions of a file; 0 if it does not exist or cannot be seen."""
    with suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode)
    return 0


def _is_open_to_writers(path: Path) -> bool:
    """Return whether every user may replace a file, or files in a folder."""
    mode = _mode(path)
    # In a folder with the sticky bit, such as /tmp, users replace only files of their own.
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def _readable(name: str, file: Path, what: str, could: str) -> Finding:
    return problem(
        name,
        f"Every user of this machine may read {file}, which has {what}.",
        f"Each of them could {could}.",
        f"chmod 600 {file}",
    )


def _writable(name: str, path: Path, could: str) -> Finding:
    return problem(
        name,
        f"Every user of this machine may write to {path}.",
        f"Each of them could {could}.",
        f"chmod o-w {path}",
    )
