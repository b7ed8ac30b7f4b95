"""A running installation for the tests of the doctor."""

from __future__ import annotations

import datetime as dt
import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import trustme

from tests import commands
from tests.conftest import OPS_TOKEN, Server, environment_without_ours, serve_command

Findings = dict[str, dict[str, str]]

SETTINGS: Final = """
default_cloud = "fake"
[server.tls]
certificate = "server.pem"
key = "server.key"
[auth]
mode = "token"
tokens = {ops = "file:token"}
[state]
url = "sqlite:///var/state.db"
[clouds.fake]
driver = "dummy"
"""

OF_THE_MACHINE: Final = {"disk_full", "disk_low", "inodes_low", "version_ended"}
"""Findings about the machine that runs the tests."""


class Installation:
    """A server with a database, tokens and TLS, and its doctor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "orchestrator.toml"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.authority = trustme.CA()
        self.certify(90)
        (folder / "token").write_text(OPS_TOKEN)
        (folder / "token").chmod(0o600)
        self.file.write_text(SETTINGS)
        self.environment = {**environment_without_ours(), "TMPDIR": str(self.temporary)}
        self.server = Server(serve_command(self.file), folder / "log", self.environment)

    @property
    def run_directory(self) -> Path:
        (found,) = {one.parent for one in self.temporary.glob("orchestrator-*/server.json")}
        return found

    def certify(self, days: int) -> None:
        """Make a certificate of 90 days that ends in some days."""
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=days, hours=1)
        issued = self.authority.issue_cert(
            "127.0.0.1", not_before=ends - dt.timedelta(days=90), not_after=ends
        )
        issued.private_key_pem.write_to_path(self.folder / "server.key")
        (self.folder / "server.key").chmod(0o600)
        issued.cert_chain_pems[0].write_to_path(self.folder / "server.pem")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        config = () if "--config" in arguments else ("--config", str(self.file))
        return commands.run("doctor", *arguments, *config, environment=self.environment)

    def doctor(self, *names: str) -> Findings:
        """Return the findings by name, and check the exit status."""
        ran = self.run("--json", *names)
        assert ran.stderr == ""
        assert OPS_TOKEN not in ran.stdout
        all_ = json.loads(ran.stdout)["findings"]
        assert ran.returncode == int(any(one["level"] == "problem" for one in all_)), ran.stdout
        for one in all_:
            assert one.keys() == {"examination", "name", "level", "detail", "effect", "remedy"}
            assert all(one.values()), one
        found = {one["name"]: one for one in all_ if one["name"] not in OF_THE_MACHINE}
        assert len(found) == len([one for one in all_ if one["name"] not in OF_THE_MACHINE])
        return found

    def reload(self) -> None:
        """Reload the settings, and wait until the old workers have ended."""
        old = self.server.workers()
        ready = self.server.log().count("durable worker ready")
        self.server.signal(signal.SIGHUP)
        self.server.wait_for_new_workers(old)
        self.server.wait_for_log("durable worker ready", count=ready + 1)

    @contextmanager
    def changed(self, text: str) -> Iterator[None]:
        self.file.write_text(text)
        try:
            yield
        finally:
            self.file.write_text(SETTINGS)

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.folder / "var" / "state.db", timeout=20)) as connection:
            for statement in statements:
                connection.execute(statement)
                connection.commit()
