"""Decisions about orphans: recorded once, refused with a code that tells, passed by extensions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestrator_core import Image, Size, StartRequest
from orchestrator_core.settings.source import FILE_VARIABLE
from orchestrator_core.testing import Kind
from tests import commands
from tests.broker.conftest import console
from tests.conftest import OPS_TOKEN, running
from tests.stateful import START, Api, Json, settings, wait_for
from tests.testing.install import write
from tests.v2.test_conventions import problem

STATE = 'url = "sqlite:///state.db"\norphan_scan_interval = 0.3'
EXTENSION = """
import json
from pathlib import Path
from orchestrator_core import Forbidden, hookimpl

class Warden:
    def __init__(self, context, settings):
        self._file = Path(__file__).with_name("told")

    @hookimpl
    def before_call(self, call):
        if call.operation in ("adopt_vm", "ignore_orphan", "stop_vm"):
            with self._file.open("a") as told:
                told.write(json.dumps([call.operation, call.cloud, call.parameters]) + "\\n")
        if call.caller == "guest":
            raise Forbidden("Guests decide nothing")
"""
TOKENS = '[auth]\nmode = "token"\n[auth.tokens]\nops = "env:OPS"\nguest = "env:GUEST"\n'
OPS, GUEST = OPS_TOKEN, OPS_TOKEN[::-1]


class Orphanage:
    """A server, and its cloud, in which VMs with the server's marker appear."""

    def __init__(self, api: Api, folder: Path) -> None:
        self.api = api
        self._folder = folder
        self._installation = self.command("db", "check").split()[-1]

    def command(self, *arguments: str) -> str:
        environment = {
            FILE_VARIABLE: str(self._folder / "orchestrator.toml"),
            "OPS": OPS,
            "GUEST": GUEST,
            "PYTHONPATH": str(self._folder),
        }
        done = commands.run(*arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def orphan(self) -> Json:
        """Make a VM whose start has failed before; return it once the server reports it."""
        refused = self.api.http.post("/vm/start", json={**START, "image": "77"})
        marker = f"{self._installation}-{refused.json()['operation']}"
        order = StartRequest("x", Image("1", ""), Size("1", ""), marker=marker)
        node = console(self._folder).start_vm(order).id
        found: list[Json] = wait_for(
            lambda: [one for one in self.api.orphans() if one["node"] == node], bool
        )
        return found[0]

    def decide(self, orphan: Json, decision: str, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.api.server.url}/api/v2/orphans/{orphan['id']}/{decision}"
        return self.api.http.post(url, headers=named)

    def told(self) -> list[Any]:
        """Return the calls that the extension has seen."""
        told = (self._folder / "told").read_text()
        return [json.loads(line) for line in told.splitlines()]


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orphanage]:
    folder = tmp_path_factory.mktemp("orphans")
    (folder / "warden.py").write_text(EXTENSION)
    write(folder, Kind.EXTENSION, "warden", "warden:Warden")
    more = f'{TOKENS}[extensions.warden]\nextension = "warden"\n'
    toml = settings(STATE, f'store = "file:{folder}/cloud.db"', more)
    environment = {"OPS": OPS, "GUEST": GUEST, "PYTHONPATH": str(folder)}
    with running(toml, folder, environment) as server:
        server.wait_for_log("durable worker ready")
        api = Api(server)
        with api.http:
            api.http.headers["Authorization"] = f"Bearer {OPS}"
            yield Orphanage(api, folder)


def test_an_orphan_is_a_resource(there: Orphanage) -> None:
    orphan = there.orphan()
    assert there.api.read(f"/orphans/{orphan['id']}") == orphan
    problem(there.api.v2("/orphans/nothing"), 404, "no_such_record")
    answer = there.api.http.delete(f"{there.api.server.url}/api/v2/orphans/{orphan['id']}")
    problem(answer, 405, "not_implemented")


def test_an_adopted_orphan_is_an_own_vm(there: Orphanage) -> None:
    orphan = there.orphan()
    node = orphan["node"]
    answer = there.decide(orphan, "adopt")
    assert answer.status_code == 200
    operation = there.api.operation(answer.json()["operation"])
    assert answer.json()["node"] == {"id": node, "cloud": "fake_driver"}
    assert (operation["kind"], operation["state"]) == ("adopt_vm", "succeeded")
    assert (operation["caller"], operation["node"]) == ("ops", node)
    assert there.told()[-1] == ["adopt_vm", "fake_driver", {"orphan": orphan["id"], "node": node}]
    problem(there.api.v2(f"/orphans/{orphan['id']}"), 404, "no_such_record")
    problem(there.decide(orphan, "adopt"), 404, "no_such_record")
    assert there.api.assign(node).status_code == 200


def test_an_ignored_orphan_stays_and_says_who_ignored_it(there: Orphanage) -> None:
    orphan = there.orphan()
    answer = there.decide(orphan, "ignore")
    assert answer.status_code == 200
    assert there.api.operation(answer.json()["operation"])["kind"] == "ignore_orphan"
    shown = there.api.read(f"/orphans/{orphan['id']}")
    assert (shown["ignored_by"], shown["ignored_at"] is not None) == ("ops", True)


def test_an_orphan_is_destroyed_by_the_durable_worker(there: Orphanage) -> None:
    orphan = there.orphan()
    answer = there.decide(orphan, "destroy")
    assert answer.status_code == 202
    operation = answer.json()["operation"]
    assert (operation["kind"], operation["node"]) == ("stop_vm", orphan["node"])
    assert answer.headers["Location"] == f"/api/v2/operations/{operation['id']}"
    assert "Preference-Applied" not in answer.headers
    assert there.api.settled(operation["id"])["state"] == "succeeded"
    assert orphan["node"] not in there.api.nodes()


@pytest.mark.parametrize(
    ("decision", "status"), [("adopt", 200), ("ignore", 200), ("destroy", 202)]
)
def test_a_decision_is_made_once_for_a_key(there: Orphanage, decision: str, status: int) -> None:
    orphan = there.orphan()
    first = there.decide(orphan, decision, Idempotency_Key=decision)
    again = there.decide(orphan, decision, Idempotency_Key=decision)
    assert (first.status_code, again.headers["Idempotency-Replayed"]) == (status, "true")

    def operation(answer: httpx2.Response) -> str:
        said = answer.json()["operation"]
        return str(said["id"] if isinstance(said, dict) else said)

    assert operation(first) == operation(again)
    kinds = {"adopt": {"adopt_vm"}, "ignore": {"ignore_orphan"}, "destroy": {"adopt_vm", "stop_vm"}}
    recorded = [one["kind"] for one in there.api.operations(node=orphan["node"])]
    assert sorted(recorded) == sorted(kinds[decision])


def test_a_caller_that_does_not_wait_is_shown_the_operation(there: Orphanage) -> None:
    answer = there.decide(there.orphan(), "adopt", Prefer="respond-async")
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "respond-async")
    assert answer.json()["operation"]["state"] == "succeeded"


def test_a_protected_orphan_is_not_destroyed(there: Orphanage) -> None:
    orphan = there.orphan()
    there.command("protect", "fake_driver", orphan["node"])
    problem(there.decide(orphan, "destroy"), 409, "protected")
    assert there.api.read(f"/orphans/{orphan['id']}")["node"] == orphan["node"]
    assert there.api.operations(node=orphan["node"]) == []


@pytest.mark.parametrize("decision", ["adopt", "ignore", "destroy"])
def test_an_extension_may_deny_a_decision(there: Orphanage, decision: str) -> None:
    orphan = there.orphan()
    denied = there.decide(orphan, decision, Authorization=f"Bearer {GUEST}")
    problem(denied, 403, "forbidden")
    assert there.api.operations(node=orphan["node"]) == []
    kind = {"adopt": "adopt_vm", "ignore": "ignore_orphan", "destroy": "stop_vm"}[decision]
    assert there.told()[-1][0] == kind


def test_a_decision_has_neither_a_query_nor_a_body(there: Orphanage) -> None:
    orphan = there.orphan()
    url = f"{there.api.server.url}/api/v2/orphans/{orphan['id']}"
    problem(there.api.http.post(f"{url}/adopt?x=1"), 400, "invalid_parameter")
    problem(there.api.http.post(f"{url}/adopt", json={"x": 1}), 422, "invalid_parameter")
    problem(there.api.http.post(f"{url}/explode"), 404, "not_found")
