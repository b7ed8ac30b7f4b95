"""A cloud whose VMs are SSH servers on this machine, with the keys and files of their starts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from marshmallow import Schema

from orchestrator_core import (
    CloudDescription,
    CloudError,
    Firewall,
    Image,
    Network,
    Node,
    NodeNotFound,
    NodeState,
    PathField,
    PluginContext,
    Size,
    StartField,
    StartRequest,
    hookimpl,
)

_TRIES = 20
_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
"""


class SshdSettings(Schema):
    """The settings: the folder of the VMs."""

    folder = PathField(required=True)


class SshdCloud:
    """A driver whose nodes are sshd processes; each has a folder with its keys."""

    settings_schema = SshdSettings

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self._folder: Path = settings["folder"]
        self._lock = threading.Lock()

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("sshd", "SSH servers")

    @hookimpl
    def start_fields(self) -> Mapping[str, StartField | str]:
        taken = ("ssh_keys", "user_data", "networks", "firewalls", "public_ip", "root_disk")
        return {name: StartField() for name in taken}

    @hookimpl
    def list_images(self) -> list[Image]:
        return [Image("i-1", "debian-12-amd64"), Image("i-2", "debian-12")]

    @hookimpl
    def list_sizes(self) -> list[Size]:
        return [Size("s-1", "t3.micro"), Size("s-2", "m1.small")]

    @hookimpl
    def list_networks(self) -> list[Network]:
        return [Network("n-1", "tutorial-subnet"), Network("n-2", "private")]

    @hookimpl
    def list_firewalls(self) -> list[Firewall]:
        return [Firewall("f-1", "ssh-from-anywhere"), Firewall("f-2", "default")]

    @hookimpl
    def list_nodes(self) -> list[Node]:
        return [_node(file.parent) for file in sorted(self._folder.glob("*/node.json"))]

    @hookimpl
    def find_node(self, marker: str) -> Node:
        for node in self.list_nodes():
            if node.marker == marker:
                return node
        raise NodeNotFound("There is no node with this marker")

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        with self._lock:
            folder = self._folder / str(len(list(self._folder.iterdir())) + 1)
            folder.mkdir()
        config = _cloud_config(request.user_data)
        keys = [*request.ssh_keys, *config.get("ssh_authorized_keys", [])]
        (folder / "authorized_keys").write_text("".join(f"{key}\n" for key in keys))
        for file in config.get("write_files", []):
            Path(file["path"]).write_text(file["content"])
        _keygen(folder / "host_key")
        port = _serve(folder)
        told = {"name": request.name, "port": port, "marker": request.marker}
        (folder / "node.json").write_text(json.dumps(told))
        return Node(folder.name, request.name, NodeState.PENDING, marker=request.marker)

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        folder = self._folder / node_id
        if not (folder / "node.json").exists():
            raise NodeNotFound(f"There is no node {node_id!r}")
        subprocess.run(["kill", (folder / "sshd.pid").read_text().strip()], check=True)
        (folder / "node.json").unlink()


def _node(folder: Path) -> Node:
    told = json.loads((folder / "node.json").read_text())
    return Node(
        folder.name,
        told["name"],
        NodeState.RUNNING,
        ["127.0.0.1"],
        extra={"ssh_port": told["port"]},
        marker=told["marker"],
    )


def _cloud_config(user_data: str | None) -> dict[str, Any]:
    """Return the keys of a cloud-config, as cloud-init reads it."""
    if user_data is None or not user_data.startswith("#cloud-config\n"):
        return {}
    return dict(yaml.safe_load(user_data))


def _keygen(file: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)]
    subprocess.run(command, check=True, capture_output=True)


def _serve(folder: Path) -> int:
    """Start an SSH server on a free port; return the port."""
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    assert sshd is not None
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd's own, which the init system makes otherwise
    for _ in range(_TRIES):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        config = folder / "sshd_config"
        config.write_text(_CONFIG.format(port=port, folder=folder))
        # It puts itself in the background once it listens, and fails if another took the port.
        done = subprocess.run([sshd, "-f", str(config)], check=False, capture_output=True)
        if done.returncode == 0:
            _wait_for(folder / "sshd.pid")
            return port
    raise CloudError("No SSH server could be started")


def _wait_for(file: Path) -> None:
    ends = time.monotonic() + 10
    while not file.exists() and time.monotonic() < ends:
        time.sleep(0.02)


def end_all(folder: Path) -> None:
    """End the servers of all nodes in a folder."""
    for file in folder.glob("*/sshd.pid"):
        subprocess.run(["kill", f"-{signal.SIGTERM.value}", file.read_text().strip()], check=False)
