"""A client that openapi-python-client makes from the description, against a real server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.api.v2.openapi import document_text
from tests.conftest import Server

CLOUD = "fake_driver"
PACKAGE = "generated_orchestrator_client"
# Its formatters may be missing, and a test needs no formatted code.
SETTINGS = f"post_hooks: []\npackage_name_override: {PACKAGE}\n"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the generated package."""
    folder = tmp_path_factory.mktemp("generated-client")
    (folder / "openapi.json").write_text(document_text(), encoding="utf-8")
    (folder / "settings.yaml").write_text(SETTINGS, encoding="utf-8")
    made = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", "openapi.json", "--config", "settings.yaml"),
            *("--output-path", PACKAGE, "--fail-on-warning"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


class Generated:
    """The functions and models of the generated package, with its client of a server."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.models: Any = import_module(f"{PACKAGE}.models")

    def call(self, operation: str, *segments: str, **more: Any) -> Any:
        """Call the function ``<kind>.<operation>``; return the parsed answer."""
        module = import_module(f"{PACKAGE}.api.{operation}")
        return module.sync(*segments, client=self._client, **more)


@pytest.fixture(scope="module")
def client(generated: Path, server: Server) -> Iterator[Generated]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(generated))
        made = import_module(PACKAGE).Client(
            base_url=f"{server.url}/api/v2",
            raise_on_unexpected_status=True,
            httpx_args={"trust_env": False},
        )
        with made:
            yield Generated(made)
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_a_vm_from_its_start_to_its_end(client: Generated) -> None:
    before = client.call("nodes.list_nodes", CLOUD)
    assert {node.name for node in before.nodes} >= {"dummy-1", "dummy-2"}

    order = client.models.CreateNode(name="web-1", image="1", size="1")
    started = client.call("nodes.start_node", CLOUD, body=order)
    node = started.node
    assert (node.cloud, node.state, node.holder) == (CLOUD, "running", None)

    wanted = client.models.Assign(node=node.id, user="ann", application="cad", lease="1h")
    assigned = client.call("assignments.assign", body=wanted)
    held = client.call("nodes.get_node", CLOUD, node.id).holder
    assert (held.assignment, held.user) == (assigned.assignment, "ann")
    assert held.lease_expires_at == assigned.lease_expires_at

    longer = client.models.Renew(lease="8h")
    renewed = client.call("assignments.renew", assigned.assignment, body=longer)
    assert renewed.lease_expires_at > assigned.lease_expires_at

    released = client.call("assignments.release", assigned.assignment)
    assert (released.node.id, str(released.deletion)) == (node.id, "done")
    shown = client.call("assignments.get_assignment", assigned.assignment)
    assert str(shown.state) == "ended"
    after = client.call("nodes.list_nodes", CLOUD)
    assert node.id not in {one.id for one in after.nodes}


def test_a_refusal_is_a_problem_with_its_code(client: Generated) -> None:
    order = client.models.CreateNode(name="web-1", image="no-such-image", size="1")
    refused = client.call("nodes.start_node", CLOUD, body=order)
    assert isinstance(refused, client.models.Problem)
    assert refused.error_code == "image_not_found"
    assert refused.advice


def test_a_change_that_is_not_waited_for_is_an_operation(client: Generated) -> None:
    order = client.models.CreateNode(name="web-2", image="1", size="1")
    accepted = client.call("nodes.start_node", CLOUD, body=order, prefer="respond-async")
    operation = client.call("operations.get_operation", accepted.operation.id, wait="30s")
    assert str(operation.state) == "succeeded"
    assert operation.node
    assert operation.error is None
