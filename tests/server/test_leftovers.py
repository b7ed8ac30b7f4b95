"""The folders of killed servers, which the next start removes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core import run_directory, running, temporary_folder
from orchestrator_core.process_identity import read_process_identity
from orchestrator_core.settings.model import Settings
from orchestrator_core.temporary_folder import claim, make, remove, sweep, unlocked
from tests.conftest import DUMMY, Server
from tests.stateful import wait_for

SWEPT = "folder of a killed process removed"
APP = "orchestrator_core.app:create_app"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the folder for temporary files of this test and its servers."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def folders(temporary: Path) -> set[Path]:
    return set(temporary.glob("orchestrator-*"))


def uvicorn(*options: str, environment: dict[str, str], log: Path) -> None:
    """Serve with uvicorn, and end it with SIGTERM once it answers."""
    command = [sys.executable, "-m", "uvicorn", "--factory", APP, "--port", "0", *options]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
    wait_for(log.read_text, lambda text: re.search(r"startup complete", text) is not None)
    process.terminate()
    process.wait(timeout=20)


def test_the_next_start_removes_the_folders_of_killed_servers(
    serve: Any, temporary: Path, tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    variables = {"TMPDIR": str(temporary)}
    living: Server = serve(environment=variables)
    kept = folders(temporary)
    killed: Server = serve(environment=variables)
    os.killpg(killed.process.pid, signal.SIGKILL)
    config = tmp_path / "orchestrator.toml"
    config.write_text(DUMMY)
    environment = {**clean_environment, **variables, "ORCHESTRATOR_CONFIG": str(config)}

    def left() -> Path:
        """Return the only folder of a server that does not run."""
        (found,) = folders(temporary) - kept
        return found

    for number, options in enumerate(([], ["--workers", "2"])):
        before, log = left(), tmp_path / f"uvicorn-{number}"
        uvicorn(*options, environment=environment, log=log)
        assert len(re.findall(f"{SWEPT}.*{before.name}", log.read_text())) == 1
        assert left() != before, "uvicorn ends by its signal, and leaves its own"
        wait_for(lambda: [one.path for one in unlocked()], lambda free: free == [left()])
    before = left()
    last: Server = serve(environment=variables)
    assert re.search(f"{SWEPT}.*{before.name}", last.log())
    assert left() != before
    last.stop()
    assert living.process.poll() is None
    assert folders(temporary) == kept
    living.stop()
    assert folders(temporary) == set()


def edit(path: Path, **changes: object) -> None:
    file = path / "owner.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def forget(path: Path) -> None:
    """Release the lock on a folder, as the end of this process would."""
    os.close(temporary_folder._held.pop(path))


BOOT = "00000000-0000-4000-8000-000000000000/4026531836/7/7"


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize(
    ("change", "is_swept"),
    [
        (Path.exists, True),
        (lambda path: edit(path, process=BOOT), True),
        (lambda path: edit(path, process=BOOT, machine="of-another"), False),
        (lambda path: edit(path, process=BOOT, host="elsewhere"), False),
        (lambda path: edit(path, is_locked_by_owner=False), False),
        (lambda path: edit(path, process="unknown/7/7", is_locked_by_owner=False), False),
        (lambda path: (path / "owner.json").write_text("half of a rec"), False),
        (lambda path: (path / "owner.json").unlink(), False),
    ],
    ids=[
        "killed",
        "before this boot",
        "of another machine",
        "of another host with the same id",
        "its owner lives, and only its workers had locked it",
        "its owner could not read the boot, and had not locked it",
        "damaged",
        "of an unknown owner",
    ],
)
def test_only_a_folder_whose_owner_has_certainly_ended_is_removed(
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], object],
    *,
    is_swept: bool,
) -> None:
    monkeypatch.setattr(temporary_folder, "machine_id", lambda: "0123456789abcdef")
    path = make()
    (path / "metrics").mkdir()
    (path / "metrics" / "1.lock").touch()
    change(path)
    assert sweep() == [], "it is locked"
    assert list(unlocked()) == []
    forget(path)
    assert [(one.path, one.is_left_over) for one in unlocked()] == [(path, is_swept)]
    assert sweep() == ([path] if is_swept else [])
    assert path.exists() is not is_swept


def test_a_link_and_a_folder_of_another_program_are_left(temporary: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").touch()
    (temporary / "orchestrator-link").symlink_to(target)
    (temporary / "orchestrator-of-another").mkdir()
    assert sweep() == []
    assert (target / "file").exists()
    assert len(folders(temporary)) == 2


@pytest.mark.usefixtures("temporary")
def test_a_folder_outlives_its_maker_while_another_process_uses_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the run directory after SIGUSR2, when the old first process ends."""
    monkeypatch.setattr(temporary_folder, "_PATIENCE", 0.0)
    path = make()
    code = (
        "import sys; from pathlib import Path; from orchestrator_core import temporary_folder as t;"
        "print(t.hold(Path(sys.argv[1])), flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        remove(path)
        assert sweep() == []
        assert path.is_dir()
        other.kill()
        other.wait()
    assert sweep() == [path]


def test_servers_that_start_at_once_keep_their_folders(temporary: Path) -> None:
    faults: list[BaseException] = []
    ends_at = time.monotonic() + 0.5

    def begin_servers() -> None:
        try:
            while time.monotonic() < ends_at:
                path = make()
                sweep()
                claim(path)
                assert path.is_dir()
                assert (path / "owner.json").exists()
                left = make()
                forget(left)
                remove(path)
        except BaseException as error:  # noqa: BLE001 - of a thread
            faults.append(error)

    threads = [threading.Thread(target=begin_servers) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    sweep()
    assert folders(temporary) == set()


def test_the_record_of_a_server_is_written_again(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its removal, and after the end of a new first process that shared the folder."""
    monkeypatch.setenv(run_directory.VARIABLE, str(temporary))
    monkeypatch.setattr(running, "_Noted", type("Noted", (running._Noted,), {}))
    record = temporary / running.SERVER
    running.note_server(Settings())
    own = record.read_text()
    running.restore()
    os.utime(record)
    running.restore()
    assert record.read_text() == own
    with subprocess.Popen(["sleep", "60"]) as other:
        data = json.loads(own) | {"process": read_process_identity(other.pid)}
        record.write_text(json.dumps(data))
        running.restore()
        assert json.loads(record.read_text()) == data
        other.kill()
    running.restore()
    assert record.read_text() == own
    record.unlink()
    running.restore()
    assert record.read_text() == own
    forget(temporary)
