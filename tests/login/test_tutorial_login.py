"""The tutorial "From nothing to a VM that you can log in to", as a reader follows it."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from orchestrator_core.testing import Kind
from tests.conftest import Serve, Server, environment_without_ours
from tests.docs.blocks import ROOT
from tests.docs.shown import ADDRESS, fenced
from tests.login.sshd_cloud import end_all
from tests.machine import program
from tests.testing.install import installed

PAGE = (ROOT / "docs/start/tutorial-login.md").read_text(encoding="utf-8")
EC2, OPENSTACK, *STEPS = fenced(PAGE, "python")
KEYGEN = next(
    line
    for block in fenced(PAGE, "sh")
    for line in block.splitlines()
    if line.startswith("ssh-keygen")
)

SETTINGS = """
[state]
url = "sqlite:///{folder}/orchestrator.db"
[clouds.{cloud}]
driver = "sshd"
folder = "{folder}/vms"
destroy = "own"
"""

SSH = """\
#!/bin/sh
port=$(sed 's/.*"port": \\([0-9]*\\).*/\\1/' {folder}/vms/*/node.json)
exec {ssh} -p "$port" -o UserKnownHostsFile={folder}/known_hosts "$@"
"""
"""The ``ssh`` of the reader: on a cloud every VM has the usual port, here each has its own."""


@pytest.fixture
def plugin() -> Iterator[Path]:
    with installed(Kind.CLOUD, "sshd", "tests.login.sshd_cloud:SshdCloud") as folder:
        yield folder


def run_steps(server: Server, folder: Path, choice: str, steps: Sequence[str]) -> str:
    """Run the program of the page with the reader's choice; return what it prints."""
    code = ADDRESS.sub(server.url, "".join([choice, *steps]))
    # The VMs of this cloud share the disk of this machine.
    code = code.replace("/tmp/tutorial", f"{folder}/tutorial")  # noqa: S108 - of the page
    (folder / "tutorial.py").write_text(code)
    variables = {
        **environment_without_ours(),
        "PATH": f"{folder}/bin{os.pathsep}{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "tutorial.py"],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{server.log()[-3000:]}"
    return done.stdout


@pytest.mark.parametrize(
    ("cloud", "choice"), [("aws", EC2), ("openstack", OPENSTACK)], ids=["ec2", "openstack"]
)
def test_the_reader_logs_in(
    plugin: Path, serve: Serve, tmp_path: Path, cloud: str, choice: str
) -> None:
    program("sshd", "openssh-server")
    program("ssh-keygen", "openssh-client")
    (tmp_path / "vms").mkdir()
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin" / "ssh"
    wrapper.write_text(SSH.format(folder=tmp_path, ssh=shutil.which("ssh")))
    wrapper.chmod(0o755)
    subprocess.run(shlex.split(KEYGEN), cwd=tmp_path, check=True)
    settings = SETTINGS.format(folder=tmp_path, cloud=cloud)
    server = serve(settings, environment={"PYTHONPATH": f"{plugin}{os.pathsep}{ROOT}"})
    chosen = choice.replace('"admin"', f'"{getpass.getuser()}"')
    chosen = chosen.replace('"debian"', f'"{getpass.getuser()}"')
    try:
        printed = run_steps(server, tmp_path, chosen, STEPS)
    finally:
        end_all(tmp_path / "vms")
    assert "['debian-12-amd64', 'debian-12']" in printed
    assert "ssh_keys yes" in printed
    assert "location its plugin does not take it" in printed
    assert "It works." in printed
    assert "Node 1 deleted" in printed
