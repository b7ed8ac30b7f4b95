"""Steps of the demo. Each prints its requests as commands, and checks what it promises."""

from __future__ import annotations

import http.client
import time
from typing import Any, Final

import rich_click as click

from orchestrator_core.cli.demo.client import Client
from orchestrator_core.cli.demo.server import DemoServer
from orchestrator_core.errors import OrchestratorError

_START: Final = "/api/v1/vm/start"
_STOP: Final = "/api/v1/vm/stop"
_ASSIGN: Final = "/api/v1/vm/action/assign"
_RELEASE: Final = "/api/v1/vm/action/release"
_NODES: Final = "/api/v1/nodes"
_CONFLICT: Final = 409
_OK: Final = 200
_PATIENCE: Final = 60.0
"""Seconds until the durable worker has to have finished an interrupted operation."""

_PAUSE: Final = 0.2


def tell(client: Client, server: DemoServer) -> None:
    """Play the story against a new server.

    Raises:
        OrchestratorError: A step did not show what it promises.
    """
    story = _Story(client, server)
    click.echo(f"A server with a simulated cloud of two VMs runs on {server.url}.")
    story.one_key_makes_one_vm()
    crashed = story.survive_a_kill()
    story.assign_and_release(crashed)
    story.destroy_only_what_is_own()
    story.leave_nothing_behind()


class _Story:
    """The steps, in their order.

    Args:
        client: the client of the server.
        server: the server.
    """

    def __init__(self, client: Client, server: DemoServer) -> None:
        self._client = client
        self._server = server
        self._step = 0

    def one_key_makes_one_vm(self) -> None:
        self._title("One Idempotency-Key, sent twice, makes one VM")
        ids = [self._started(self._ask("POST", _START, _vm("web"), "first")) for _ in range(2)]
        _check(len(set(ids)) == 1, f"two requests with one key made the VMs {ids}")
        self._show_nodes(expected=3)
        _look(f"both answers name VM {ids[0]}, and the cloud has one VM more than before")

    def survive_a_kill(self) -> str:
        self._title("kill -9 in the middle of a start: the VM exists, and no client was told")
        self._server.kill_next_start()
        request = ("POST", _START, _vm("crash"), "second")
        click.echo(f"  $ {self._client.command(*request)}")
        try:
            status, _ = self._client.send(*request)
        except (OSError, http.client.HTTPException) as error:
            click.echo(f"    no answer: {error}")
        else:
            raise OrchestratorError(f"The start was answered with {status} despite the kill")
        _look(
            f"the web worker with the process id {self._server.killed()} is dead; the operation "
            "was recorded before the cloud was called"
        )
        self._show_operation()
        self._title("The durable worker finishes what was interrupted; the same key finds the VM")
        node = self._started(self._finished(*request))
        self._show_nodes(expected=4)
        _look(f"VM {node} was found by the marker that the start gave it; there is no second one")
        return node

    def assign_and_release(self, node: str) -> None:
        self._title("One VM has one user")
        ann = {"node": node, "user": "ann", "vm_type": "editor", "lease": "8h"}
        self._expect(_OK, "PUT", _ASSIGN, ann)
        bob = {**ann, "user": "bob"}
        self._refuse("PUT", _ASSIGN, bob)
        _look("ann has the VM for eight hours, and bob's request is refused")
        self._title("A release destroys the VM, and says when the cloud has confirmed it")
        answer = self._expect(_OK, "PUT", _RELEASE, {"node": node})
        _check(answer.get("deletion") == "done", "the deletion was not confirmed")
        self._show_nodes(expected=3)

    def destroy_only_what_is_own(self) -> None:
        self._title("A VM that was not started here is never destroyed")
        self._refuse("PUT", _STOP, {"node": "1"})
        _look('[clouds.demo] has destroy = "own", and VM 1 was there before the server')

    def leave_nothing_behind(self) -> None:
        self._title("Nothing is lost, and nothing is left over")
        orphans = self._ask("GET", "/api/v2/orphans")["orphans"]
        _check(orphans == [], f"there are orphans: {orphans}")
        running = self._ask("GET", "/api/v2/operations?state=running")["operations"]
        _check(running == [], f"operations still run: {running}")
        self._show_nodes(expected=3)
        _look("no VM without an owner, no unfinished operation; every VM is accounted for")

    def _title(self, text: str) -> None:
        self._step += 1
        click.echo(f"\n{self._step}. {text}")

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None
    ) -> dict[str, Any]:
        return self._expect(_OK, method, path, body, key)

    def _expect(
        self,
        expected: int,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        status, answer = self._said(method, path, body, key)
        _check(status == expected, f"{method} {path} was answered with {status}: {answer}")
        return answer

    def _refuse(self, method: str, path: str, body: dict[str, Any]) -> None:
        status, answer = self._said(method, path, body)
        _check(status != _OK, f"{method} {path} was not refused: {answer}")

    def _said(
        self, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        click.echo(f"  $ {self._client.command(method, path, body, key)}")
        status, answer = self._client.send(method, path, body, key)
        click.echo(f"    {status} {_summary(answer)}")
        return status, answer

    def _finished(self, method: str, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        """Repeat a request with its key until the operation has ended."""
        deadline = time.monotonic() + _PATIENCE
        click.echo(f"  $ {self._client.command(method, path, body, key)}")
        while True:
            status, answer = self._client.send(method, path, body, key)
            if status != _CONFLICT or time.monotonic() > deadline:
                click.echo(f"    {status} {_summary(answer)}")
                _check(status == _OK, f"the interrupted start was answered with {status}")
                return answer
            time.sleep(_PAUSE)

    def _started(self, answer: dict[str, Any]) -> str:
        return str(answer["nodes"]["id"])

    def _show_operation(self) -> None:
        answer = self._client.get("/api/v2/operations?limit=1")
        (one,) = answer["operations"]
        click.echo(f"  $ {self._client.command('GET', '/api/v2/operations?limit=1')}")
        click.echo(f"    {one['kind']} is {one['state']}: operation {one['id']}")

    def _show_nodes(self, *, expected: int) -> None:
        nodes = self._ask("GET", _NODES)["nodes"]
        _check(len(nodes) == expected, f"the cloud has {len(nodes)} VMs instead of {expected}")


def _vm(name: str) -> dict[str, Any]:
    return {"name": name, "image": "1", "size": "1"}


def _look(text: str) -> None:
    click.echo(f"  > {text}")


def _check(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - as an assertion
    if not holds:
        raise OrchestratorError(f"The demo failed: {otherwise}")


def _summary(answer: dict[str, Any]) -> str:
    """Return the part of an answer that a step is about."""
    nodes = answer.get("nodes")
    if isinstance(nodes, list):
        return f"{len(nodes)} VMs: {', '.join(str(one['name']) for one in nodes)}"
    if isinstance(nodes, dict):
        return f"VM {nodes['id']}, {nodes['name']}"
    for key in ("result", "error", "detail", "message"):
        if isinstance(answer.get(key), str):
            return str(answer[key])
    return ", ".join(f"{len(v)} {k}" for k, v in answer.items() if isinstance(v, list)) or "ok"
