"""The how-to's plugins, installed: what commands and servers tell of them."""

from __future__ import annotations

import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests import commands, loopback
from tests.conftest import Serve
from tests.docs.blocks import block


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment in which three of the page's plugins are installed."""
    folder = tmp_path_factory.mktemp("installed")
    points = {
        "clouds": ("nimbus", "class NimbusSettings", "NimbusDriver"),
        "extensions": ("naming", "class Naming:", "Naming"),
        "assignments": ("lab", "class LabBackend", "LabBackend"),
    }
    text = ""
    for kind, (name, containing, plugin) in points.items():
        source = block("howto", "python", containing).text
        if kind == "clouds":
            source += (
                "\n    @hookimpl\n    def describe(self):\n"
                "        from orchestrator_core import CloudDescription\n"
                '        return CloudDescription("nimbus", "Nimbus")\n'
            )
        (folder / f"howto_{name}.py").write_text(source)
        text += f"[orchestrator.{kind}.v1]\n{name} = howto_{name}:{plugin}\n"
    metadata = folder / "howto-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: howto\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(text)
    return {"PYTHONPATH": str(folder)}


def test_wrong_settings_are_told_as_shown(
    installed: dict[str, str], tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    config = tmp_path / "orchestrator.toml"
    # Another server on this machine may listen on the default port.
    free = '[server]\nbind = "127.0.0.1:0"\n'
    config.write_text(block("howto", "toml", "regoin").text + free)
    command, _, expected = block("howto", "console", "regoin").text.partition("\n")
    words = shlex.split(command)
    assert words[:2] == ["$", "orchestrator"]
    variables = {**clean_environment, **installed, "COLUMNS": "300"}
    done = commands.run(*words[2:], environment=variables, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == expected.replace("/etc/orchestrator", str(tmp_path))


def test_the_extension_and_the_backend_serve(serve: Serve, installed: dict[str, str]) -> None:
    backend = block("howto", "toml", "[assignments.lab]").text
    names = block("howto", "toml", "[extensions.names]").text.partition("[extensions")
    server = serve(backend + "".join(names[1:]), environment=installed)
    with loopback.client(f"{server.url}/api/v1", timeout=20) as http:

        def start(name: str) -> httpx2.Response:
            body = {"name": name, "image": "1", "size": "1"}
            return http.post("/vm/start/sky", json=body)

        assert start("WEB-1").status_code == 200
        denied = start("web")
        assert (denied.status_code, denied.json()["message"]) == (
            403,
            "The name 'web' does not match [a-z]+-[0-9]+",
        )

        def assign(**body: str) -> tuple[int, str]:
            answer = http.put("/vm/action/assign/sky", json={"user": "ada", **body})
            return answer.status_code, answer.json().get("message", "")

        assert assign(node="1", vm_type="web") == (200, "")
        assert assign(node="2", vm_type="db") == (400, "The lab is not for db")
        assert assign(node="9", vm_type="web") == (400, "The lab has no node '9'")
        contradiction = assign(node="2", hostname="dummy-1", vm_type="web")
        assert contradiction == (400, "Param not valid: hostname: node 2 is 'dummy-2'")
        assert assign(hostname="dummy-2", vm_type="web") == (200, "")
        users = {vm["id_vm"]: vm["user"] for vm in http.get("/vm/status/sky").json()["nodes"]}
        assert users == {"1": "ada", "2": "ada", "3": ""}
        assert http.put("/vm/action/release/sky", json={"node": "1"}).status_code == 200
        assert {node["id"] for node in http.get("/nodes/sky").json()["nodes"]} == {"2", "3"}


def test_the_tables_are_made_and_counted_in(serve: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "orchestrator_tally"
    (folder / "migrations").mkdir(parents=True)
    (folder / "__init__.py").write_text(block("howto", "python", "class Tally").text)
    (folder / "migrations" / "__init__.py").touch()
    revision = block("howto", "python", "op.create_table").text
    (folder / "migrations" / "0001_starts.py").write_text(revision)
    metadata = tmp_path / "tally-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tally\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[orchestrator.extensions.v1]\ntally = orchestrator_tally:Tally\n"
    )
    server = serve(
        'default_cloud = "sky"\n[clouds.sky]\ndriver = "dummy"\n[extensions.tally]\n'
        'extension = "tally"\n[state]\nurl = "sqlite:///tally.db"\n',
        environment={"PYTHONPATH": str(tmp_path)},
    )
    body = {"name": "x", "image": "1", "size": "1"}
    for _ in range(3):
        assert loopback.post(f"{server.url}/api/v1/vm/start", json=body).status_code == 200
    with closing(sqlite3.connect(tmp_path / "tally.db")) as database, database:
        counted = database.execute("SELECT caller, starts FROM extension_tally__starts").fetchall()
    assert counted == [("anonymous", 3)]
