"""Unusable files: each command reports path, owner and remedy, `check` too."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator_core.errors import SettingsError
from orchestrator_core.state.database import Database
from orchestrator_core.state.upgrade import upgrade
from tests import commands
from tests.stateful import settings

Check = Callable[..., str]

ME = pwd.getpwuid(os.geteuid()).pw_name
COMMANDS = [("check",), ("db", "upgrade"), ("worker",)]


@pytest.fixture
def refused(tmp_path: Path, clean_environment: dict[str, str]) -> Check:
    """Return a function that runs a failing command subject to permissions."""

    def command(*arguments: str, url: str = "sqlite:///var/state.db", more: str = "") -> str:
        (tmp_path / "orchestrator.toml").write_text(settings(f'url = "{url}"', more=more))
        done = commands.run(
            *arguments,
            "--config",
            str(tmp_path / "orchestrator.toml"),
            environment={**clean_environment, "COLUMNS": "200"},
            as_root=False,  # Root may do anything, unless it has dropped its capabilities.
        )
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr

    return command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "var"
    made.mkdir()
    return made


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_folder_that_cannot_be_written(
    refused: Check, folder: Path, command: tuple[str, ...]
) -> None:
    folder.chmod(0o555)
    said = refused(*command)
    assert f"[state] url: {folder}/state.db cannot be written" in said
    assert f"the folder {folder} belongs to {ME}:" in said
    assert f"user {ME} may not write to it; allow it: chmod u+w {folder}" in said


@pytest.mark.parametrize("name", ["state.db", "state.db-wal", "state.db-shm"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_file_that_belongs_to_another_user(
    refused: Check, folder: Path, command: tuple[str, ...], name: str
) -> None:
    (folder / "state.db").write_bytes(b"SQLite format 3\0")
    file = folder / name
    file.touch()
    file.chmod(0o444)
    if os.geteuid() == 0:
        os.chown(file, 65534, 65534)
    owner = pwd.getpwuid(file.stat().st_uid).pw_name
    said = refused(*command)
    assert f"{folder}/state.db cannot be written: the file {file} belongs to {owner}:" in said
    assert f"user {ME} may not write to it" in said
    if owner != ME:
        assert f"; run as its owner, or give {ME} access: chown {ME} {file}" in said


def test_a_file_that_cannot_be_read(refused: Check, folder: Path) -> None:
    (folder / "state.db").touch(mode=0)
    assert f"{folder}/state.db cannot be read: the file {folder}/state.db belongs" in refused(
        "check"
    )


def test_a_folder_that_cannot_be_entered(refused: Check, folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    folder.chmod(0o600)
    try:
        said = refused("check", url="sqlite:///var/inner/state.db")
    finally:
        folder.chmod(0o700)
    assert f"the folder {folder} belongs to {ME}:" in said
    assert "may not enter it" in said


def test_a_missing_folder_that_cannot_be_made(refused: Check, folder: Path) -> None:
    folder.chmod(0o555)
    said = refused("check", url="sqlite:///var/a/b/state.db")
    assert f"the folder {folder} belongs to {ME}:" in said


def test_a_folder_in_the_place_of_the_file(refused: Check, folder: Path) -> None:
    said = refused("check", url="sqlite:///var")
    assert f"{folder} is a folder; name a file in it: {folder}/orchestrator.db" in said


def test_a_file_in_the_place_of_a_folder(refused: Check, folder: Path) -> None:
    (folder / "file").touch()
    said = refused("check", url="sqlite:///var/file/a/state.db")
    assert f"{folder}/file is a file and not a folder" in said


def test_symbolic_links_that_lead_nowhere(refused: Check, folder: Path) -> None:
    (folder / "state.db").symlink_to("state.db")
    assert "a symbolic link in its path leads back to itself" in refused("check")
    (folder / "state.db").unlink()
    (folder / "state.db").symlink_to(folder / "gone" / "state.db")
    assert f"is a symbolic link to {folder}/gone/state.db, and there is no" in refused("check")


def test_what_is_not_a_regular_file_is_not_opened(refused: Check, folder: Path) -> None:
    os.mkfifo(folder / "state.db")  # Opening it would block for ever.
    assert f"{folder}/state.db is not a regular file" in refused("check")


@pytest.mark.parametrize("exists", [True, False])
def test_a_read_only_file_system(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, exists: bool
) -> None:
    """Only root can mount one, so the kernel's answer is faked."""
    file = folder / "state.db"
    if exists:
        file.touch()
    found = os.statvfs(folder)
    flags = found[8] | os.ST_RDONLY
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*found[:8], flags, found[9])))
    with pytest.raises(SettingsError, match="is mounted read-only; mount it writable, or name a"):
        Database(f"sqlite:///{file}", Path())


def test_a_secret_file_of_another_user(refused: Check, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("x")
    secret.chmod(0)
    said = refused("check", more='[auth]\nmode = "token"\n[auth.tokens]\nops = "file:token"')
    assert (
        f"[auth.tokens] ops: file:token cannot be read: the file {secret} belongs to {ME}:" in said
    )


def test_a_settings_file_of_another_user(refused: Check, folder: Path) -> None:
    file = folder.parent / "orchestrator.toml"
    file.write_text("")
    file.chmod(0o200)
    said = refused("check")
    assert f"{file}: cannot be read: the file {file} belongs to {ME}:" in said


def test_a_backup_into_a_folder_that_cannot_be_written(
    refused: Check, folder: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    database = Database(url, Path())
    upgrade(database)
    database.close()
    folder.chmod(0o555)
    said = refused("db", "backup", f"{folder}/copy", url=url)
    assert f"{folder}/copy cannot be made: the folder {folder} belongs to {ME}:" in said
