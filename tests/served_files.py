"""A server with all of its files in one folder, where a test can damage them."""

from __future__ import annotations

import shutil
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx2
import libcloud
import trustme
from openstack_cloud import OpenStack, in_json

import orchestrator_core
import orchestrator_dummy
import orchestrator_libcloud
from orchestrator_core.run_directory import VARIABLE
from tests.conftest import OPS_TOKEN, Server, environment_without_ours, serve_command
from tests.damage import FILE_WAYS, FOLDER_WAYS, Damage
from tests.machine import program

GRACE: Final = 15.0
"""Seconds after a damage in which its cloud may still fail: missing files are tried every 10 s."""

CLOUDS: Final = ("fake_driver", "other", "stack", "lab")
WEB_WORKERS: Final = 2
PASSWORD: Final = "password-of-the-stack"

SETTINGS: Final = """
default_cloud = "fake_driver"
[clouds.fake_driver]
driver = "dummy"
store = "file:clouds/first.db"
visibility_timeout = 1
[clouds.other]
driver = "passing"
store = "file:clouds/second.db"
visibility_timeout = 1
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
retry_delay = 0.1
max_retry_delay = 0.5
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


class ServedFiles:
    """A server with all of its files in one folder, and the damage to them."""

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
        """Return the server's command, without root's permission to read every file."""
        command = serve_command(self.folder / "orchestrator.toml", workers=WEB_WORKERS)
        caps = "--bounding-set=-dac_override,-dac_read_search"
        return [program("setpriv", "util-linux"), caps, "--", *command]

    def environment(self) -> dict[str, str]:
        return {
            **environment_without_ours(),
            "PYTHONPATH": str(self.site),
            "TMPDIR": str(self.tmp),
            VARIABLE: str(self.run),
        }

    def kinds_of_damage(self) -> list[Damage]:
        """Return each kind of damage: each file and folder in each way."""
        core, plugin = self.site / "orchestrator_core", self.site / "passing_cloud"
        metadata = self.site / "passing-1.0.dist-info"
        of_all = [
            *(self.folder / name for name in ("orchestrator.toml", "token", "server.pem")),
            self.folder / "server.key",
            core / "app.py",
            core / "state" / "upgrade.py",
            core / "broker" / "worker" / "worker.py",
            self.site / "conf" / "gunicorn.conf.py",
        ]
        of_other = [plugin / "driver.py", metadata / "METADATA", metadata / "entry_points.txt"]
        found = [Damage(file, way) for file in of_all for way in FILE_WAYS]
        found += [Damage(file, way, frozenset({"other"})) for file in of_other for way in FILE_WAYS]
        of_libcloud = [
            self.site / "orchestrator_libcloud" / "nodes" / "convert.py",
            self.site / "libcloud" / "compute" / "drivers" / "openstack.py",
        ]
        openstacks = frozenset({"stack", "lab"})
        found += [Damage(file, way, openstacks) for file in of_libcloud for way in FILE_WAYS]
        found += [
            Damage(self.site / "libcloud" / "data" / "pricing.json", way) for way in FILE_WAYS
        ]
        for name, cloud in (("secret", "stack"), ("clouds.yaml", "lab")):
            for way in FILE_WAYS:
                # A half-written secret is another secret: its cloud refuses it.
                excused = frozenset({cloud} if way == "half-written" else ())
                found.append(Damage(self.folder / name, way, excused))
        found += [Damage(metadata, "removed", frozenset({"other"}))]
        found += [Damage(plugin, "removed", frozenset({"other"}))]
        found += [Damage(folder, way) for folder in (self.run, self.tmp) for way in FOLDER_WAYS]
        return found

    @contextmanager
    def damaged(self, damage: Damage) -> Iterator[None]:
        """Apply one damage until the block ends."""
        began = time.monotonic()
        self._windows.append((damage.excused, began, float("inf")))
        end = damage.begin()
        try:
            yield
        finally:
            end()
            self._windows[-1] = (damage.excused, began, time.monotonic() + GRACE)

    def is_excused(self, cloud: str, began: float) -> bool:
        """Return whether a cloud's failure just now is excused, for a request that began then."""
        return any(
            cloud in clouds and began < end and first < time.monotonic()
            for clouds, first, end in self._windows
        )


def _install(site: Path) -> None:
    """Install copies of the core and of a plugin where the server finds them first."""
    left_out = shutil.ignore_patterns("__pycache__")
    core = Path(orchestrator_core.__file__).parent
    # with its bytecode, so that the server starts faster
    shutil.copytree(core, site / "orchestrator_core")
    shutil.copytree(core.parent / "conf", site / "conf", ignore=left_out)
    for package in (orchestrator_libcloud, libcloud):
        source = Path(str(package.__file__)).parent
        shutil.copytree(source, site / source.name, ignore=shutil.ignore_patterns("test"))
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
def served(files: ServedFiles) -> Iterator[Server]:
    """Run the files' server."""
    server = Server(files.command(), files.folder / "log", files.environment(), files.folder)
    try:
        found = server.wait_for_log(r"Listening at: https://(\S+) ")
        server.url = f"https://{found.group(1)}"
        server.wait_for_log("ASGI server listening", count=2)
        server.wait_for_log("durable worker ready")
        yield server
    finally:
        server.stop()


class Probe:
    """A client that requests every cloud from every worker."""

    def __init__(self, server: Server, files: ServedFiles) -> None:
        self._server = server
        self._files = files

    def client(self) -> httpx2.Client:
        """Return a client that makes a connection for each request; the caller closes it."""
        return httpx2.Client(
            base_url=f"{self._server.url}/api/v1",
            verify=self._files.tls,
            headers={"X-Auth-Token": OPS_TOKEN},
            timeout=30,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    def serves(self, *clouds: str) -> bool:
        """Return whether several requests for each cloud all succeed."""
        with self.client() as http, suppress(httpx2.TransportError):
            answers = [http.get(f"/nodes/{cloud}") for cloud in clouds for _ in range(4)]
            return all(answer.status_code == 200 for answer in answers)
        return False
