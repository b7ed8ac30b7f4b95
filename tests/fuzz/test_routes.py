"""Every route under random requests: documented answers, no traceback, no lost or doubled VM."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, tuple_

from orchestrator_core import Image, Size, StartRequest
from orchestrator_core.settings.deadlines import CLOUD_DEADLINES
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import installation, operations, vms
from tests import loopback
from tests.broker.conftest import console
from tests.conftest import OPS_TOKEN, Server, running
from tests.fuzz import compliant_client
from tests.fuzz.callers import Callers, Wrong
from tests.fuzz.described import described_routes
from tests.fuzz.route_inputs import Maker
from tests.fuzz.routes import all_routes
from tests.fuzz.runs import Run
from tests.fuzz.watch import Watch
from tests.stateful import wait_for

TOKENS = {"ops": OPS_TOKEN, "ann": OPS_TOKEN[::-1], "bob": OPS_TOKEN[7:] + OPS_TOKEN[:7]}

OPS = {"Authorization": f"Bearer {OPS_TOKEN}"}

SETTINGS = """
default_cloud = "fake_driver"
[server]
keepalive = 30
[auth]
mode = "token"
[auth.tokens]
ops = "env:OPS"
ann = "env:ANN"
bob = "env:BOB"
[state]
url = "sqlite:///{directory}/state.db"
retry_delay = 0.2
max_retry_delay = 1.0
orphan_scan_interval = 2
[clouds.fake_driver]
driver = "dummy"
store = "file:{directory}/cloud.db"
assignment = "given"
release_wait = 0.5
[clouds.stormy]
driver = "dummy"
assignment = "given"
hints = true
visibility_timeout = 1
release_wait = 0.2
[clouds.stormy.deadlines]
{deadlines}
[clouds.stormy.faults]
seed = 14
latency = "exponential(0.002)"
error_rate = 0.02
rate_limit_rate = 0.01
lost_answer_rate = 0.03
[clouds.bare]
driver = "dummy"
[assignments.given]
backend = "given"
"""

BLOCK = 2_000
LOG_BYTES = 400
"""The most bytes of log for each request, on average: an intended fault is a line or two."""

RATE = 60.0
"""Requests a second beside the compliant client; many of them are changes, which are written."""

ROUTES = [*all_routes(), *described_routes()]

OF_RECORDS = [
    route.path for route in ROUTES if {"node", "node_id"} & {*route.names} or "_id}" in route.path
]
"""The routes of one VM or record."""

GROWTH = 40.0
"""MiB by which a worker may grow after the first block: its memory of clouds is bounded."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("routes")
    tokens = {name.upper(): token for name, token in TOKENS.items()}
    deadlines = "\n".join(f"{operation} = 5" for operation in CLOUD_DEADLINES)
    toml = SETTINGS.replace("{directory}", str(directory)).replace("{deadlines}", deadlines)
    with running(toml, directory, tokens, workers=2) as running_server:
        running_server.wait_for_log("durable worker ready")
        yield running_server


@pytest.mark.parametrize("long", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_any_request(server: Server, *, long: bool) -> None:
    run = Run.of(50_000 if long else 2_000)
    maker = Maker(ROUTES, list(TOKENS.values()))
    callers = Callers(server.address, maker, run.seed)
    orphans = Orphans(server)
    watch = Watch(server)
    for begin in range(0, run.inputs, BLOCK):
        callers.known.learn({"orphans": orphans.plant()})
        numbers = range(begin, min(begin + BLOCK, run.inputs))
        wrong = asyncio.run(callers.send(numbers))
        if wrong:
            one = min(wrong, key=lambda one: one.number)
            least = callers.least(one)
            pytest.fail(f"seed {run.seed}, input {one.number}: {one.what}\nleast: {least!r}")
        if fault := watch.new_fault():
            pytest.fail(f"seed {run.seed}, inputs {numbers}: {fault}")
        watch.check_processes()
        if not begin:
            watch.warm()
    run.report(
        {
            "log bytes for each request": round(watch.logged / run.inputs),
            "growth of a worker (MiB)": round(watch.growth, 1),
            "processes (MiB)": [round(one) for one in watch.memory()],
            "VMs started": len(callers.started),
            "records found": {path: callers.found[path] for path in OF_RECORDS},
            "records missed": {path: callers.missed[path] for path in OF_RECORDS},
            "answers": dict(callers.answers.most_common()),
        }
    )
    assert set(callers.per_route) == {route.path for route in ROUTES}
    for paths in [[path] for path in OF_RECORDS] if long else _by_record(OF_RECORDS):
        assert any(callers.found[path] for path in paths), f"{paths}: none that exists"
        assert any(callers.missed[path] for path in paths), f"{paths}: none that does not exist"
    assert watch.logged / run.inputs < LOG_BYTES
    assert watch.growth < GROWTH
    check_vms(server, callers, orphans.nodes)


@pytest.mark.soak
def test_an_honest_client_is_at_most_twice_as_slow_beside_any_request(server: Server) -> None:
    maker = Maker(ROUTES, list(TOKENS.values()))
    callers, begin, wrong = Callers(server.address, maker, seed=15), 0, list[Wrong]()

    async def load(seconds: float) -> None:
        nonlocal begin
        numbers = range(begin, begin + int(RATE * seconds))
        begin = numbers.stop
        wrong.extend(await callers.send(numbers, at_once=10, rate=RATE))

    assert asyncio.run(compliant_client.compare(server.address[1], OPS_TOKEN, load)) < 2.0
    assert wrong == []


def _by_record(paths: Iterable[str]) -> list[list[str]]:
    """Return the paths in groups, one for each kind of VM or record."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        (name,) = re.findall(r"{(node|\w+_id)\b", path)
        groups.setdefault(name, []).append(path)
    return list(groups.values())


class Orphans:
    """VMs of the cloud with the server's marker, which no record owns.

    Args:
        server: the server.

    Attributes:
        nodes: the ids of the VMs.
    """

    def __init__(self, server: Server) -> None:
        self.nodes: set[str] = set()
        self._folder = server.log_file.parent
        self._url = server.url
        database = Database(f"sqlite:///{self._folder}/state.db", Path())
        self._installation = database.read_now(_installation)
        database.close()

    def plant(self, number: int = 6) -> list[dict[str, Any]]:
        """Make VMs whose starts have failed before; return the orphans, once they are shown."""
        new = {self._orphan() for _ in range(number)}
        self.nodes |= new
        found: list[dict[str, Any]] = wait_for(
            lambda: loopback.get(f"{self._url}/api/v2/orphans", headers=OPS).json()["orphans"],
            lambda shown: new <= {one["node"] for one in shown},
        )
        return [one for one in found if one["node"] in new]

    def _orphan(self) -> str:
        body = {"name": "x", "image": "no-image", "size": "1"}
        refused = loopback.post(f"{self._url}/api/v1/vm/start", json=body, headers=OPS).json()
        marker = f"{self._installation}-{refused['operation']}"
        order = StartRequest("x", Image("1", ""), Size("1", ""), marker=marker)
        return console(self._folder).start_vm(order).id


def _installation(connection: Connection) -> str:
    found: str = connection.execute(select(installation.c.id)).scalar_one()
    return found


def check_vms(server: Server, callers: Callers, orphans: set[str]) -> None:
    """Compare the clouds' VMs with those that the database and the callers know."""
    assert [one for one, count in Counter(callers.started).items() if count > 1] == []
    directory = server.log_file.parent
    database = Database(f"sqlite:///{directory}/state.db", Path())
    wait_for(lambda: database.read_now(_open), lambda found: found == [], patience=90)
    present = database.read_now(_present)
    for cloud in ("fake_driver", "stormy"):
        others = {"1", "2", *(orphans if cloud == "fake_driver" else ())}
        shown = shown_by(server, cloud) - others
        recorded = {node for name, node in present if name == cloud} - others
        wrong = [(cloud, node) for node in shown ^ recorded]
        if wrong:
            history = database.read_now(partial(_history, nodes=wrong))
            pytest.fail(f"shown {shown - recorded}, recorded {recorded - shown}\n{history}")
    database.close()


def shown_by(server: Server, cloud: str) -> set[str]:
    url = f"{server.url}/api/v1/nodes/{cloud}"
    answer = wait_for(
        lambda: loopback.get(url, headers=OPS), lambda answer: answer.status_code == 200
    )
    return {node["id"] for node in answer.json()["nodes"]}


def _open(connection: Connection) -> list[tuple[str, str, str]]:
    columns = (operations.c.kind, operations.c.state, operations.c.error_code)
    rows = connection.execute(select(*columns).where(operations.c.finished_at.is_(None)))
    return [tuple(row) for row in rows]


def _history(connection: Connection, nodes: list[tuple[str, str]]) -> str:
    """Return the rows of some VMs and of their operations."""
    rows: list[object] = []
    for table in (vms, operations):
        query = select(table).where(tuple_(table.c.cloud, table.c.node_id).in_(nodes))
        rows += [row._asdict() for row in connection.execute(query.order_by(table.c.created_at))]
    return "\n".join(map(str, rows))


def _present(connection: Connection) -> list[tuple[str, str]]:
    rows = connection.execute(select(vms.c.cloud, vms.c.node_id).where(vms.c.gone_at.is_(None)))
    return [(row.cloud, row.node_id) for row in rows]
