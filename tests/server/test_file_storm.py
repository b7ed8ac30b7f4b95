"""Every file that a server reads is harmed in turn, while its processes are killed.

No request of an honest client (tests/honest.py) may fail except while its own cloud is away, and
the server never ends.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import trustme
from openstack_cloud import OpenStack, in_json, serving
from openstack_cloud import server as nova_server
from sqlalchemy import func, select

import orchestrator_core
import orchestrator_dummy
from orchestrator_core.run_directory import VARIABLE
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations, vms
from tests.conftest import OPS_TOKEN, Server, environment_without_ours, serve_command
from tests.harms import FILE_WAYS, FOLDER_WAYS, Harm
from tests.honest import Honest, Tally
from tests.machine import program
from tests.storm import Storm, check_healthy, wait_until

SECONDS: Final = 600.0
GRACE: Final = 15.0
"""Seconds after a harm in which its cloud may still fail: what was away is tried every 10 s."""

CLOUDS: Final = ("fake_driver", "other", "stack", "lab")
PASSWORD: Final = "password-of-the-stack"

SETTINGS: Final = """
default_cloud = "fake_driver"
[clouds.fake_driver]
driver = "dummy"
store = "file:clouds/first.db"
visibility = 1
[clouds.other]
driver = "passing"
store = "file:clouds/second.db"
visibility = 1
[clouds.stack]
driver = "libcloud"
provider = "openstack"
region = "RegionOne"
[clouds.stack.auth]
auth_url = "{keystone}"
username = "u"
password = "file:secret"
project_name = "p"
user_domain_name = "Default"
project_domain_name = "Default"
[clouds.lab]
driver = "libcloud"
provider = "openstack"
clouds_file = "clouds.yaml"
cloud = "lab"
[server]
workers = 2
graceful_timeout = 20
[server.tls]
certificate = "server.pem"
key = "server.key"
[auth]
mode = "token"
tokens = {{ops = "file:token"}}
[state]
url = "sqlite:///state/orchestrator.db"
pause = 0.1
longest_pause = 0.5
"""

LAB: Final = """
clouds:
  lab:
    auth: {{auth_url: "{keystone}", username: u, password: {password}, project_name: p,
           user_domain_name: Default, project_domain_name: Default}}
    region_name: RegionOne
"""


class Keystone(OpenStack):
    """An OpenStack that knows one password."""

    def _log_in(self, body: dict[str, Any]) -> Any:
        user = body["auth"]["identity"]["password"]["user"]
        if user["password"] != PASSWORD:
            return in_json({"error": {"code": 401, "message": "no"}}, 401)
        return super()._log_in(body)


class Stage:
    """A server, all of whose files are in one folder, and what is harmed there."""

    def __init__(self, folder: Path, keystone: str) -> None:
        self.folder = folder
        self.site = folder / "site"
        self.run, self.tmp = folder / "run", folder / "tmp"
        for one in (self.site, self.run, self.tmp, folder / "clouds", folder / "state"):
            one.mkdir(mode=0o700)
        _install(self.site)
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(folder / "server.key")
        issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(self.tls)
        (folder / "token").write_text(OPS_TOKEN)
        (folder / "secret").write_text(PASSWORD)
        (folder / "clouds.yaml").write_text(LAB.format(keystone=keystone, password=PASSWORD))
        (folder / "orchestrator.toml").write_text(SETTINGS.format(keystone=keystone))
        for name in ("token", "secret", "clouds.yaml"):
            (folder / name).chmod(0o600)
        self._windows: list[tuple[frozenset[str], float, float]] = []

    def command(self) -> list[str]:
        """Return the server's command: root may read anything, unless that is taken from it."""
        command = serve_command(self.folder / "orchestrator.toml", workers=2)
        caps = "--bounding-set=-dac_override,-dac_read_search"
        return [program("setpriv", "util-linux"), caps, "--", *command]

    def environment(self) -> dict[str, str]:
        return {
            **environment_without_ours(),
            "PYTHONPATH": str(self.site),
            "TMPDIR": str(self.tmp),
            VARIABLE: str(self.run),
        }

    def harms(self) -> list[Harm]:
        """Return everything that is done to the files and folders, each in each way."""
        core, plugin = self.site / "orchestrator_core", self.site / "passing_cloud"
        metadata = self.site / "passing-1.0.dist-info"
        of_all = [
            *(self.folder / name for name in ("orchestrator.toml", "token", "server.pem")),
            self.folder / "server.key",
            core / "app.py",
            core / "state" / "upgrade.py",
            core / "broker" / "worker.py",
            self.site / "conf" / "gunicorn.conf.py",
        ]
        of_other = [plugin / "driver.py", metadata / "METADATA", metadata / "entry_points.txt"]
        harms = [Harm(file, way) for file in of_all for way in FILE_WAYS]
        harms += [Harm(file, way, frozenset({"other"})) for file in of_other for way in FILE_WAYS]
        for name, cloud in (("secret", "stack"), ("clouds.yaml", "lab")):
            for way in FILE_WAYS:
                # A half-written secret is another secret: its cloud refuses it.
                excused = frozenset({cloud} if way == "half-written" else ())
                harms.append(Harm(self.folder / name, way, excused))
        harms += [Harm(metadata, "removed", frozenset({"other"}))]
        harms += [Harm(plugin, "removed", frozenset({"other"}))]
        harms += [Harm(folder, way) for folder in (self.run, self.tmp) for way in FOLDER_WAYS]
        return harms

    @contextmanager
    def harmed(self, harm: Harm) -> Iterator[None]:
        """Let one thing happen for as long as the context lasts."""
        began = time.monotonic()
        self._windows.append((harm.excused, began, float("inf")))
        end = harm.begin()
        try:
            yield
        finally:
            end()
            self._windows[-1] = (harm.excused, began, time.monotonic() + GRACE)

    def is_excused(self, cloud: str, began: float) -> bool:
        """Whether a request of a cloud that has failed just now, and began then, may."""
        return any(
            cloud in clouds and began < end and first < time.monotonic()
            for clouds, first, end in self._windows
        )


def _install(site: Path) -> None:
    """Put copies of the core and of a plugin where the server finds them first."""
    left_out = shutil.ignore_patterns("__pycache__")
    core = Path(orchestrator_core.__file__).parent
    shutil.copytree(core, site / "orchestrator_core", ignore=left_out)
    shutil.copytree(core.parent / "conf", site / "conf", ignore=left_out)
    assert orchestrator_dummy.__file__
    plugin = site / "passing_cloud"
    shutil.copytree(Path(orchestrator_dummy.__file__).parent, plugin, ignore=left_out)
    for file in plugin.glob("*.py"):
        file.write_text(file.read_text().replace("orchestrator_dummy", "passing_cloud"))
    metadata = site / "passing-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: passing\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[orchestrator.clouds.v1]\npassing = passing_cloud:DummyDriver\n"
    )


@contextmanager
def served(stage: Stage) -> Iterator[Server]:
    """Run the stage's server."""
    server = Server(stage.command(), stage.folder / "log", stage.environment(), stage.folder)
    try:
        found = server.wait_for_log(r"Listening at: https://(\S+) ")
        server.url = f"https://{found.group(1)}"
        server.wait_for_log("ASGI server listening", count=2)
        server.wait_for_log("durable worker ready")
        yield server
    finally:
        server.stop()


@contextmanager
def clients(server: Server, stage: Stage, tally: Tally) -> Iterator[None]:
    """Have honest clients of each cloud ask: one on kept connections, one on fresh ones."""
    asking = [
        Honest(
            server.url,
            cloud,
            tally,
            number,
            keeps=bool(number % 2),
            changes=cloud in ("fake_driver", "other"),
            is_excused=stage.is_excused,
            tls=stage.tls,
            headers={"X-Auth-Token": OPS_TOKEN},
        )
        for number, cloud in enumerate([*CLOUDS, *CLOUDS])
    ]
    for one in asking:
        one.start()
    try:
        yield
    finally:
        for one in asking:
            one.end()
        for one in asking:
            one.join()


class Probe:
    """Asks every worker for every cloud."""

    def __init__(self, server: Server, stage: Stage) -> None:
        self._server = server
        self._stage = stage

    def serves(self, *clouds: str) -> bool:
        with (
            httpx2.Client(
                base_url=f"{self._server.url}/api/v1",
                verify=self._stage.tls,
                headers={"X-Auth-Token": OPS_TOKEN},
                timeout=20,
                limits=httpx2.Limits(max_keepalive_connections=0),
            ) as http,
            suppress(httpx2.TransportError),
        ):
            answers = [http.get(f"/nodes/{cloud}") for cloud in clouds for _ in range(4)]
            return all(answer.status_code == 200 for answer in answers)
        return False


def run_storm(tmp_path: Path, harms: list[str] | None, seconds: float, seed: int) -> None:
    """Do harms until the time is over, or each of those that are named once."""
    luck = random.Random(seed)
    with serving(Keystone(servers=[nova_server(1)])) as cloud:
        stage = Stage(tmp_path, cloud.url("/v3"))
        with served(stage) as server:
            fds = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
            storm, probe, tally = Storm(server, luck), Probe(server, stage), Tally()
            assert probe.serves(*CLOUDS), server.log()
            with clients(server, stage, tally):
                done = _do(stage, storm, probe, luck, harms, seconds)
                wait_until(lambda: probe.serves(*CLOUDS), GRACE + 30)
            settle(stage, tally)
            figures = check_healthy(server, fds)
    sys.stdout.write(f"\n{done} harms, {storm.kills} kills, {storm.signals} signals; {tally}\n")
    sys.stdout.write(f"{figures}\n")
    assert tally.failures == [], "\n".join(tally.failures[:20])
    assert tally.not_started <= storm.kills
    assert len(tally.started) > done


def _do(  # noqa: PLR0913, PLR0917 - the parts of one storm
    stage: Stage,
    storm: Storm,
    probe: Probe,
    luck: random.Random,
    wanted: list[str] | None,
    seconds: float,
) -> int:
    ends_at, done = time.monotonic() + seconds, 0
    while True:
        harms = stage.harms()
        luck.shuffle(harms)
        if wanted is not None:
            harms = [one for name in wanted for one in harms if str(one) == name]
        for harm in harms:
            if time.monotonic() > ends_at:
                return done
            with stage.harmed(harm):
                strikes = [storm.strike()]
                time.sleep(luck.uniform(0.2, 1.0))
                strikes.append(storm.strike())
                time.sleep(luck.uniform(0.2, 1.0))
            done += 1
            steady = [cloud for cloud in CLOUDS if cloud not in harm.excused]
            took = wait_until(lambda: probe.serves(*steady), 45)  # noqa: B023
            sys.stdout.write(f"{harm}: {', '.join(strikes)}; served again after {took:.1f} s\n")
        if wanted is not None:
            return done


def settle(stage: Stage, tally: Tally) -> None:
    """Check that every operation has ended and that rows, cloud and clients agree."""
    database = Database(f"sqlite:///{stage.folder}/state/orchestrator.db", Path())
    open_ones = select(func.count()).where(operations.c.finished_at.is_(None))
    wait_until(lambda: database.read_now(lambda c: c.execute(open_ones).scalar_one()) == 0)
    present = select(vms.c.cloud, vms.c.node_id).where(vms.c.gone_at.is_(None))
    rows = database.read_now(lambda c: {tuple(row) for row in c.execute(present)})
    succeeded = select(func.count()).where(
        operations.c.kind == "start_vm", operations.c.state == "succeeded"
    )
    starts = database.read_now(lambda c: c.execute(succeeded).scalar_one())
    database.close()
    found, made = set(), 0
    for cloud, name in (("fake_driver", "first"), ("other", "second")):
        nodes, started = _nodes(stage.folder / "clouds" / f"{name}.db")
        made += started
        found |= {(cloud, node) for node in nodes if node not in ("1", "2")}
    assert found == {row for row in rows if row[1] not in ("1", "2")}
    assert made == starts, "a VM was started twice, or one is unknown"
    assert starts >= len(tally.started)


def _nodes(file: Path) -> tuple[set[str], int]:
    """Return the nodes of a dummy cloud, and how many were ever started."""
    connection = sqlite3.connect(file)
    try:
        rows = connection.execute("SELECT number, gone_at FROM nodes").fetchall()
        last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'nodes'").fetchone()
    finally:
        connection.close()
    now = time.time()
    there = {str(number) for number, gone in rows if gone is None or gone > now}
    return there, last[0] - 2  # it begins with two


SHORT: Final = (
    "orchestrator.toml: half-written",
    "secret: removed",
    "app.py: unreadable",
    "tmp: removed",
)


def test_no_honest_client_fails_while_files_are_away(tmp_path: Path) -> None:
    run_storm(tmp_path, list(SHORT), 20, seed=1)


@pytest.mark.soak
def test_no_honest_client_fails_for_ten_minutes(tmp_path: Path) -> None:
    run_storm(tmp_path, None, SECONDS, seed=2)
