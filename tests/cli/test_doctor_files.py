"""``orchestrator doctor`` on faults of files: permissions, certificates, versions, leftovers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cli.installed import SETTINGS, Installation


def test_files_that_every_user_may_read_or_write(installation: Installation) -> None:
    database = installation.folder / "var" / "state.db"
    modes = {
        installation.folder / "token": 0o644,
        installation.folder / "server.key": 0o604,
        database: 0o644,
        database.parent: 0o703,
        installation.file: 0o666,
        installation.run_directory: 0o750,
    }
    before = {path: path.stat().st_mode for path in modes}
    for path, mode in modes.items():
        path.chmod(mode)
    try:
        ran = installation.run("--json", "permissions")
    finally:
        for path, mode in before.items():
            path.chmod(mode)
    remedies = [one["remedy"] for one in json.loads(ran.stdout)["findings"]]
    assert sorted(remedies) == sorted(
        [
            f"chmod 600 {installation.folder / 'token'}",
            f"chmod 600 {installation.folder / 'server.key'}",
            f"chmod 600 {database}",
            f"chmod o-w {database.parent}",
            f"chmod o-w {installation.file}",
            f"chmod 700 {installation.run_directory}",
        ]
    )
    assert ran.returncode == 1
    database.chmod(0o644)
    try:
        assert installation.doctor("permissions").keys() == {"database_readable"}
    finally:
        database.chmod(0o600)


def test_a_folder_in_which_every_user_may_replace_secrets(installation: Installation) -> None:
    folder = installation.folder / "secrets"
    folder.mkdir()
    shutil.copy2(installation.folder / "token", folder / "token")
    folder.chmod(0o777)
    with installation.changed(SETTINGS.replace("file:token", "file:secrets/token")):
        found = installation.doctor("permissions")
        assert found.keys() == {"secret_replaceable"}
        assert found["secret_replaceable"]["remedy"] == f"chmod o-w {folder}"
        folder.chmod(0o1777)  # as /tmp: users replace only files of their own
        assert installation.doctor("permissions") == {}


def test_a_certificate_near_its_end_and_one_that_is_not_in_use(
    installation: Installation,
) -> None:
    kept = {
        name: (installation.folder / name).read_bytes() for name in ("server.pem", "server.key")
    }
    installation.certify(5)
    try:
        found = installation.doctor("certificates")
    finally:
        for name, content in kept.items():
            (installation.folder / name).write_bytes(content)
    assert found.keys() == {"certificate_ends", "certificate_not_loaded"}
    assert "ends in 5 days" in found["certificate_ends"]["detail"]
    assert found["certificate_ends"]["level"] == "problem"


def test_a_killed_process_has_left_its_folder(installation: Installation) -> None:
    code = (
        "from orchestrator_core import temporary_folder as t; print(t.make(), flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=installation.environment,
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert installation.doctor("leftovers") == {}
        process.kill()
    unknown = installation.temporary / "orchestrator-unknown"
    unknown.mkdir()
    assert str(folder) in installation.doctor("leftovers")["leftover_folders"]["detail"]
    os.utime(unknown, (1.0, 1.0))
    found = installation.doctor("leftovers")
    assert str(unknown) in found["unknown_folders"]["remedy"]
    installation.reload()
    assert installation.doctor("leftovers").keys() == {"unknown_folders"}
    unknown.rmdir()


def test_a_process_with_older_code_than_is_installed(installation: Installation) -> None:
    record = next(iter(installation.run_directory.glob("process-*.json")))
    before = record.read_text()
    data: dict[str, Any] = json.loads(before)
    data["versions"]["vm-orchestrator-dummy"] = "0.0.9"
    record.write_text(json.dumps(data))
    try:
        found = installation.doctor("versions")
    finally:
        record.write_text(before)
    assert found.keys() == {"restart_outstanding"}
    assert "vm-orchestrator-dummy 0.0.9" in found["restart_outstanding"]["detail"]
