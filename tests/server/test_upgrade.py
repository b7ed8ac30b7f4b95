"""The upgrade of running servers from the last release, as docs/howto/upgrade.md describes it.

Two servers of the released version share a database behind one nginx, under steady load. The schema
is upgraded, and one server after the other is replaced by this version.

``UPGRADE_FROM=COMMIT`` names another version to begin with, such as one without a tag.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from packaging.version import Version
from sqlalchemy import func, select

from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations
from tests import commands
from tests.compliant_clients import Tally
from tests.databases import MakeUrl
from tests.server.test_maintenance import Machine, balanced
from tests.state.test_database_storm import Windows, clients
from tests.stateful import settings
from tests.storm import wait_until
from tests.wheels import PACKAGES, ROOT

SECONDS: Final = 1.0


def released() -> str:
    """Return the tag of the newest release before this commit; skip the test if there is none."""
    named = os.environ.get("UPGRADE_FROM")
    if named:
        return named
    if not (ROOT / ".git").exists():
        pytest.skip("an upgrade needs a git checkout with the last release")
    tags = _git("tag", "--list", "v*", "--merged", "HEAD").decode().split()
    ours = _git("tag", "--points-at", "HEAD").decode().split()
    before = [tag for tag in tags if tag not in ours]
    if not before:
        pytest.skip("no earlier release has a tag yet; UPGRADE_FROM=COMMIT names a version to try")
    return max(before, key=lambda tag: Version(tag.removeprefix("v")))


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout


def checkout(version: str, folder: Path) -> str:
    """Unpack a version; return the ``PYTHONPATH`` from which its packages are imported."""
    with tarfile.open(fileobj=io.BytesIO(_git("archive", version))) as archive:
        archive.extractall(folder, filter="data")
    paths = [folder / package for package in PACKAGES]
    return os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")])


@pytest.mark.parametrize("system", ["postgres", pytest.param("sqlite", marks=pytest.mark.soak)])
def test_an_upgrade_from_the_last_release_fails_no_request(
    tmp_path: Path, request: pytest.FixtureRequest, system: str
) -> None:
    version, old = released(), tmp_path / "old"
    make: MakeUrl = request.getfixturevalue(system)  # only if the test is not skipped
    database_url = make()
    old.mkdir()
    variables = {"PYTHONPATH": checkout(version, old)}
    toml = settings(
        f'url = "{database_url}"\nretry_delay = 0.1\nmax_retry_delay = 0.5',
        f'store = "file:{tmp_path}/cloud.db"\nvisibility_timeout = 1',
        "[server]\ngraceful_timeout = 20",
    )
    tally = Tally()
    with ExitStack() as stack:
        machines = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            machines.append(Machine(tmp_path / name, tmp_path / name, toml, variables))
            stack.callback(machines[-1].stop)
        for one in machines:
            assert _tree(one.server.workers()[0]) == old
        front = stack.enter_context(balanced(tmp_path, machines))
        with clients(front, tally, Windows()):
            time.sleep(SECONDS)
            done = commands.run(
                "db", "upgrade", "--config", str(tmp_path / "a" / "orchestrator.toml"), cwd=tmp_path
            )
            assert done.returncode == 0, done.stderr
            for one in machines:
                one.variables = {}
                time.sleep(SECONDS)
                one.restart()
                assert _tree(one.server.workers()[0]) != old
            time.sleep(SECONDS)
        database = Database(database_url, tmp_path)
        open_ones = select(func.count()).where(operations.c.finished_at.is_(None))
        wait_until(lambda: database.read_now(lambda c: c.execute(open_ones).scalar_one()) == 0, 60)
        database.close()
        logs = "".join(one.logs() for one in machines)
    assert tally.failures == [], "\n".join(tally.failures[:20])
    assert tally.started
    assert tally.not_started == 0
    assert "Traceback" not in logs


def _tree(process: int) -> Path | None:
    """Return the folder that a process has been told to import packages from first."""
    told = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    (path,) = [one for one in told if one.startswith("PYTHONPATH=")] or [""]
    first = path.removeprefix("PYTHONPATH=").partition(os.pathsep)[0]
    return Path(first) if first else None
