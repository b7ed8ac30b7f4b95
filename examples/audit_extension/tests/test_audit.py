"""The audit trail: caller, VM and outcome of each change, in an append-only table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import DBAPIError

from orchestrator_core.faultpoints import VARIABLE
from orchestrator_core.settings.load import load_settings
from orchestrator_core.state.database import Database
from tests import loopback
from tests.conftest import DUMMY, OPS_TOKEN, Serve, running
from tests.databases import MakeUrl
from tests.stateful import START, Api, settings, wait_for

README: Final = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
AUDIT: Final = '[extensions.audit]\nextension = "audit"\n'
NAMES: Final = '[extensions.names]\nextension = "policy"\nname_pattern = "[a-z]+"\n'
AUTH: Final = '[auth]\nmode = "token"\ntokens = {ops = "env:OPS_TOKEN"}\n'
TOKEN: Final = {"X-Auth-Token": OPS_TOKEN}

Entry = Row[Any]


class Audited:
    """A server with an audit trail, and a reader of that trail through SQL."""

    def __init__(self, api: Api, url: str, armed: Path) -> None:
        self.api = api
        self.armed = armed
        self.database = Database(url, Path())
        self._mark = 0

    def sql(self, statement: str) -> list[Entry]:
        def work(connection: Connection) -> list[Entry]:
            result = connection.execute(text(statement))
            return list(result) if result.returns_rows else []

        return self.database.write_now(work)

    def mark(self) -> None:
        """Ignore the rows that exist now."""
        (last,) = self.sql("SELECT coalesce(max(id), 0) AS id FROM extension_audit__entries")
        self._mark = last.id

    def entries(self) -> list[Entry]:
        query = f"SELECT * FROM extension_audit__entries WHERE id > {self._mark} ORDER BY id"  # noqa: S608 - a number
        return self.sql(query)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Audited]:
    """Serve one server with three workers and a caller ``ops``, for all tests of this file."""
    folder = tmp_path_factory.mktemp("audited")
    url = f"sqlite:///{folder}/state.db"
    if request.param == "postgresql":
        make: MakeUrl = request.getfixturevalue("postgres")
        url = make()
    cloud = f'store = "file:{folder}/cloud.db"\nhints = true'
    toml = settings(f'url = "{url}"\nretry_delay = 0.1', cloud, AUDIT + NAMES + AUTH)
    environment = {"OPS_TOKEN": OPS_TOKEN, VARIABLE: f"start.answered@{folder}/armed"}
    with running(toml, folder, environment, workers=3) as server:
        server.wait_for_log("durable worker ready")
        api = Api(server)
        api.http.headers.update(TOKEN)
        audited = Audited(api, url, folder / "armed")
        with api.http:
            yield audited
        audited.database.close()


@pytest.fixture
def audited(shared: Audited) -> Audited:
    """Return the server with a trail that begins here."""
    shared.mark()
    return shared


def test_every_kind_of_change_is_there_with_who_and_what(audited: Audited) -> None:
    api = audited.api
    name = {"X-Request-ID": "request-7"}
    node: str = api.start(**name).json()["nodes"]["id"]
    assert api.put("/vm/action/reboot", {"node": node}, **name).status_code == 200
    hostname = {"hostname": f"dummy-{node}"}
    assert api.put("/vm/action/poweroff", hostname, **name).status_code == 200
    assert api.put("/vm/action/poweron", {"node": node}, **name).status_code == 200
    holder = {"node": node, "user": "ann", "vm_type": "web"}
    assert api.put("/vm/action/assign", holder, **name).status_code == 200
    assert api.put("/vm/action/release", {"node": node}, **name).status_code == 200
    assert api.stop("1", **name).status_code == 200
    assert api.stop("999", **name).status_code == 400
    api.nodes()  # A read is not recorded.
    entries = audited.entries()
    ends = [(e.operation, e.node_id, e.outcome) for e in entries if e.event == "ended"]
    assert ends == [
        ("start_vm", node, "ok"),
        ("reboot_vm", node, "ok"),
        ("power_off_vm", node, "ok"),
        ("power_on_vm", node, "ok"),
        ("assign_vm", node, "ok"),
        ("release_vm", node, "ok"),
        ("stop_vm", "1", "ok"),
        ("stop_vm", "999", "node_not_found"),
    ]
    recorded = {one["id"]: one for one in api.operations(limit="99")}
    for begun, ended in zip(entries[::2], entries[1::2], strict=True):
        assert (begun.event, begun.outcome, begun.duration) == ("begun", None, None)
        assert begun.operation_id == ended.operation_id
        assert recorded[begun.operation_id]["kind"] == begun.operation == ended.operation
        assert ended.duration > 0
        assert ended.attempts == 1
        assert begun.at <= ended.at
        for entry in (begun, ended):
            who = (entry.caller, entry.cloud, entry.request_id)
            assert who == ("ops", "fake_driver", "request-7")
    parameters = [_json(entry.parameters) for entry in entries[::2]]
    assert parameters[0] == dict(START)
    assert parameters[2] == hostname
    assert parameters[4] == holder


def _json(value: Any) -> Any:
    """Decode JSON, which SQLite returns as text."""
    return json.loads(value) if isinstance(value, str) else value


def test_what_is_denied_is_there_and_never_reaches_the_cloud(audited: Audited) -> None:
    api = audited.api
    nodes, operations = api.nodes(), {one["id"] for one in api.operations()}
    name = {"X-Request-ID": "a-denied-one"}
    denied = api.http.post("/vm/start", json={**START, "name": "DENIED"}, headers=name)
    assert denied.status_code == 403
    assert [(e.event, e.operation, e.outcome) for e in audited.entries()] == [
        ("begun", "start_vm", None),
        ("ended", "start_vm", "denied"),
    ]
    assert api.nodes() == nodes
    assert {one["id"] for one in api.operations()} == operations
    assert not re.search("operation=start_vm.*a-denied-one", api.server.log())


def test_an_error_is_there_by_its_code(audited: Audited) -> None:
    hint = {"X-Cloud-Hints": "error=unreachable; operations=start_vm"}
    answer = audited.api.start(**hint).json()
    ended = audited.entries()[-1]
    assert ended.outcome == answer["error_code"] == "cloud_unreachable"
    assert ended.operation_id == answer["operation"]


def test_nothing_is_lost_between_several_workers(audited: Audited) -> None:
    url = f"{audited.api.server.url}/api/v1/vm/start"

    def start(_: int) -> str:
        """Start a VM on a connection of its own, so that any worker may get the request."""
        answer = loopback.post(url, json=dict(START), headers=TOKEN, timeout=60)
        node: str = answer.json()["nodes"]["id"]
        return node

    with ThreadPoolExecutor(12) as callers:
        nodes = list(callers.map(start, range(36)))
    entries = audited.entries()
    assert len(entries) == 72
    assert sorted(e.node_id for e in entries if e.event == "ended") == sorted(nodes)
    begun = {e.operation_id for e in entries if e.event == "begun"}
    assert begun == {e.operation_id for e in entries if e.event == "ended"}


def test_no_secret_is_in_it(audited: Audited) -> None:
    body = {**START, "metadata": {"password": "hunter3"}, "user_data": "password: hunter4"}
    assert audited.api.http.post("/vm/start", json=body).status_code == 200
    assert len(audited.entries()) == 2
    assert "hunter" not in str(audited.entries())


ROW: Final = (
    "INTO extension_audit__entries "
    "(id, at, event, request_id, caller, operation, cloud, parameters) "
    "SELECT max(id), 0, 'begun', 'x', 'x', 'x', 'x', '{}' FROM extension_audit__entries"
)
EVERYWHERE: Final = (
    "UPDATE extension_audit__entries SET caller = 'other'",
    "DELETE FROM extension_audit__entries WHERE event = 'begun'",
)
OF_DIALECT: Final = {
    "sqlite": (f"INSERT OR REPLACE {ROW}",),
    "postgresql": (
        "TRUNCATE extension_audit__entries",
        f"INSERT {ROW} ON CONFLICT (id) DO UPDATE SET caller = excluded.caller",
    ),
}


def test_the_database_itself_refuses_to_change_it(audited: Audited) -> None:
    audited.api.started()
    before = audited.entries()
    assert len(before) == 2
    for statement in (*EVERYWHERE, *OF_DIALECT[audited.database.engine.dialect.name]):
        with pytest.raises(DBAPIError, match="the audit trail only grows"):
            audited.sql(statement)
    assert audited.entries() == before


def test_what_was_cut_off_is_seen(audited: Audited) -> None:
    query = block("sql", "LEFT JOIN")
    assert audited.sql(query) == []
    audited.armed.touch()
    with pytest.raises(httpx2.RemoteProtocolError):
        audited.api.start()
    (cut,) = audited.sql(query)
    assert (cut.caller, cut.operation, cut.cloud) == ("ops", "start_vm", "fake_driver")
    found = wait_for(
        lambda: audited.api.operation(cut.operation_id), lambda one: one["state"] == "succeeded"
    )
    assert found["node"] in audited.api.nodes()


def test_the_readme_explains_every_column_and_its_queries_answer(audited: Audited) -> None:
    audited.api.started()
    (table,) = re.findall(r"\| column \|.*?\n\n", README, flags=re.DOTALL)
    first = [row.split("|")[1] for row in table.strip().splitlines()[2:]]
    explained = [name for cell in first for name in re.findall(r"`([a-z_]+)`", cell)]
    columns = audited.entries()[0]._fields
    assert sorted(explained) == sorted(columns)
    assert "start_vm" in [row.operation for row in audited.sql(block("sql", "caller = 'ops'"))]


def block(language: str, containing: str = "") -> str:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    (one,) = (text for text in found if containing in text)
    return one


def test_the_settings_of_the_readme_are_those_that_there_are(tmp_path: Path) -> None:
    config = tmp_path / "orchestrator.toml"
    config.write_text(block("toml"))
    shown = load_settings(config, {}).extensions["audit"]
    assert shown.plugin == {"reads": False}
    assert shown.on_failure == "deny"


def test_reads_are_there_where_they_are_wanted(serve: Serve, sqlite: MakeUrl) -> None:
    url = sqlite()
    server = serve(settings(f'url = "{url}"', more=f"{AUDIT}reads = true\n"))
    for path in ("/nodes", "/vm/status", "/nodes/fake_driver/999"):
        loopback.get(f"{server.url}/api/v1{path}")
    api = Api(server)
    audited = Audited(api, url, Path())
    with api.http:
        told = audited.entries()
    audited.database.close()
    assert [(e.event, e.operation, e.outcome, e.operation_id) for e in told] == [
        ("ended", "list_nodes", "ok", None),
        ("ended", "list_vms", "ok", None),
        ("ended", "get_node", "node_not_found", None),
    ]


def test_without_a_database_it_is_refused(serve: Serve) -> None:
    server = serve(DUMMY + AUDIT, up=False)
    server.process.wait(timeout=30)
    assert "[extensions] audit: needs a database; add [state] to the settings" in server.log()
