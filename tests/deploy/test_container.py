"""The Containerfile, the compose file and the Kubernetes manifests.

There is no container runtime where the tests run. They run the file's commands by themselves, and
check the rest with the tools of each format.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx2
import kubernetes_validate
import pytest
import yaml

from tests import commands
from tests.commands import environment_without_ours
from tests.conftest import OPS_TOKEN, Server
from tests.databases import MakeUrl
from tests.wheels import make_venv, without_the_network

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
CONTAINERFILE: Final = DEPLOY / "container" / "Containerfile"
PAGE: Final = DEPLOY.parent / "docs" / "howto" / "deploy-container.md"
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())
MANIFESTS: Final = list(
    yaml.safe_load_all((DEPLOY / "kubernetes" / "orchestrator.yaml").read_text())
)


def test_hadolint_has_no_complaint() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, str(CONTAINERFILE)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_its_install_line_installs_our_packages(wheels: Path, tmp_path: Path) -> None:
    """The line before it installs the pinned set, which test_runtime_pins.py checks."""
    make_venv(tmp_path / "venv")
    shutil.copytree(wheels, tmp_path / "dist", ignore=shutil.ignore_patterns("checkout"))
    text = CONTAINERFILE.read_text().replace("\\\n", " ")
    (line,) = re.findall(r"/opt/orchestrator/bin/(pip install [^&]*--no-deps [^&]*)", text)
    run = f"{tmp_path}/venv/bin/{line}".replace("/dist/", f"{tmp_path}/dist/")
    subprocess.run(["sh", "-c", run], check=True, env=without_the_network(wheels))
    shown = subprocess.run(
        [tmp_path / "venv" / "bin" / "orchestrator", "plugins"],
        check=True,
        capture_output=True,
        text=True,
        env=environment_without_ours(),
    )
    assert all(name in shown.stdout for name in ("dummy", "libcloud", "cistern"))


@pytest.fixture
def environment(postgres: MakeUrl, tmp_path: Path) -> dict[str, str]:
    """Return the compose file's variables, with a database of the tests."""
    text: dict[str, str] = COMPOSE["x-orchestrator"]["environment"]
    own = {name: value.replace("${OPS_TOKEN:?}", OPS_TOKEN) for name, value in text.items()}
    own["DATABASE_URL"] = postgres()
    own["ORCHESTRATOR__CLOUDS__DEMO__STORE"] = f"file:{tmp_path}/demo.db"
    return {**environment_without_ours(), **own}


@pytest.fixture
def services(environment: dict[str, str], tmp_path: Path) -> Iterator[dict[str, Server]]:
    """Run the commands of the compose file's services, with settings from the environment alone."""
    with ExitStack() as stack:
        running = {}
        for name in ("web", "worker"):
            words = [word.replace("0.0.0.0:5050", "127.0.0.1:0") for word in _command(name)]
            running[name] = Server([*commands.COMMAND, *words], tmp_path / name, environment)
            stack.callback(running[name].stop)
        running["web"].wait_until_up(2)
        running["worker"].wait_for_log("durable worker ready")
        yield running


def _command(service: str) -> list[str]:
    """Return the words after the image's entry point."""
    found: list[str] = COMPOSE["services"][service]["command"]
    entry = re.search(r"^ENTRYPOINT (.+)$", CONTAINERFILE.read_text(), re.MULTILINE)
    assert entry is not None
    assert entry[1] == '["orchestrator"]'
    return found


def test_the_services_serve_with_variables_alone(services: dict[str, Server]) -> None:
    headers = {"Authorization": f"Bearer {OPS_TOKEN}", "Prefer": "respond-async"}
    with httpx2.Client(base_url=services["web"].url, headers=headers, timeout=30) as http:
        order = {"name": "web", "image": "1", "size": "1"}
        accepted = http.post("/api/v1/vm/start", json=order)
        assert accepted.status_code == 202
        operation = accepted.json()["operation"]
        done = http.get(f"/api/v2/operations/{operation}?wait=20s").json()
        assert done["state"] == "succeeded"
        nodes = http.get("/api/v1/nodes").json()["nodes"]
    assert done["node"] in [node["id"] for node in nodes]


def test_the_page_names_what_the_files_have() -> None:
    deployments = {
        one["metadata"]["name"]: [
            container["name"] for container in one["spec"]["template"]["spec"]["containers"]
        ]
        for one in MANIFESTS
        if one["kind"] == "Deployment"
    }
    page = PAGE.read_text()
    changed = re.findall(r"kubectl set image deployment/(\S+) (\w+)=", page)
    assert {name: [container] for name, container in changed} == deployments
    assert set(re.findall(r"deployment/([\w-]+)", page)) == set(deployments)
    # Only the new version knows the new schema.
    commands_ = re.findall(r"^kubectl (set image \S+|exec \S+)", page, re.MULTILINE)
    assert commands_ == [
        "set image deployment/orchestrator-worker",
        "exec deployment/orchestrator-worker",
        "set image deployment/orchestrator",
    ]
    (service,) = re.findall(r"podman compose run --rm (\w+) db upgrade", page)
    assert service in COMPOSE["services"]


@pytest.mark.parametrize(
    "manifest", MANIFESTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}"
)
def test_a_manifest_is_valid(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, "1.33", strict=True)


def test_the_manifests_settings_are_accepted(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    (settings,) = (one["data"] for one in MANIFESTS if one["kind"] == "ConfigMap")
    (tmp_path / "orchestrator.toml").write_text(settings["orchestrator.toml"])
    secrets = {
        "OPS_TOKEN": OPS_TOKEN,
        "DATABASE_URL": "postgresql+psycopg://orchestrator@database/orchestrator",
        "STACK_PASSWORD": "password-of-the-stack",
    }
    done = commands.run(
        *shlex.split("check --config orchestrator.toml"),
        environment={**clean_environment, **secrets},
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
