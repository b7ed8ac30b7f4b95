"""The log lines of a server: requests, calls of clouds and operations, as the schema says."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator_core.api.access_log import AccessLog
from orchestrator_core.log_schema import log_schema
from orchestrator_core.metrics.meter import EndedRequest
from orchestrator_core.plugins.causes import cause_of
from orchestrator_core.settings.model import ServerSettings
from tests import loopback
from tests.conftest import DUMMY, OPS_TOKEN, Server, ec2, running
from tests.stateful import START, settings, wait_for

JSON = '[server]\nlog_format = "json"\nlog_level = "debug"\n'
TOKENS = '[auth]\nmode = "token"\ntokens = {ops = "env:OPS_TOKEN"}\n'
OPS = {"Authorization": f"Bearer {OPS_TOKEN}"}

Line = dict[str, Any]


def lines(server: Server) -> list[Line]:
    return [json.loads(line) for line in server.log().splitlines()]


def requests(server: Server, **fields: Any) -> list[Line]:
    """Return the access lines with these fields."""
    return [
        line
        for line in lines(server)
        if line["event"] == "request" and fields.items() <= line.items()
    ]


def wait_for_request(server: Server, **fields: Any) -> Line:
    found: list[Line] = wait_for(lambda: requests(server, **fields), bool)
    return found[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, closed_port: int) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("log")
    dead = ec2("dead", closed_port, "retries = 0")
    toml = settings(f'url = "sqlite:///{folder}/state.db"', more=dead) + JSON + TOKENS
    with running(toml, folder, {"OPS_TOKEN": OPS_TOKEN}, workers=2) as one:
        one.wait_for_log("durable worker ready")
        yield one


def test_every_line_of_a_server_matches_the_schema(serve: Any, closed_port: int) -> None:
    """From its start to its end, with a reload, a killed worker and failures of every kind."""
    toml = settings('url = "sqlite:///state.db"', more=ec2("dead", closed_port)) + JSON
    server = serve(toml, workers=2)
    server.wait_for_log("durable worker ready")
    base = f"{server.url}/api/v1"
    started = loopback.post(f"{base}/vm/start", json=dict(START)).json()
    for path in ("/nodes", "/nodes/dead", "/nodes/nix", "/nix", "/health", "/metrics"):
        loopback.get(f"{base}{path}")
    loopback.put(f"{base}/vm/stop", json={"node": started["nodes"]["id"]})
    loopback.post(f"{base}/vm/start", content=b"{")
    web = set(server.workers()) - set(server.durable_workers())
    os.kill(web.pop(), signal.SIGKILL)
    server.wait_for_log("ASGI server listening", count=3)
    old = server.workers()
    server.signal(signal.SIGHUP)
    server.wait_for_new_workers(old)
    server.stop()
    validator = jsonschema.Draft202012Validator(log_schema())
    found = lines(server)
    assert len(found) > 20
    for line in found:
        validator.validate(line)
    assert {"request", "cloud call", "durable worker ready"} <= {line["event"] for line in found}


def test_each_request_has_one_line(server: Server) -> None:
    answer = loopback.get(f"{server.url}/api/v1/nodes/fake_driver", headers=OPS)
    line = wait_for_request(server, request_id=answer.headers["X-Request-ID"])
    assert line["level"] == "info"
    assert (line["method"], line["route"], line["status"]) == (
        "GET",
        "/api/v1/nodes/{cloud}",
        200,
    )
    assert (line["caller"], line["address"]) == ("ops", "127.0.0.1")
    assert 0 < line["duration"] < 30


def test_neither_a_path_nor_a_query_is_logged(serve: Any) -> None:
    server = serve(f'{DUMMY}[server]\nlog_format = "json"\n')
    answer = loopback.get(f"{server.url}/private-path?token=private-query")
    line = wait_for_request(server, request_id=answer.headers["X-Request-ID"])
    assert (line["route"], line["status"]) == ("unmatched", 404)
    assert "private" not in server.log()


def test_a_secret_as_an_id_is_removed(server: Server) -> None:
    loopback.get(f"{server.url}/api/v1/", headers={**OPS, "X-Request-ID": OPS_TOKEN})
    wait_for_request(server, request_id="***")
    assert OPS_TOKEN not in server.log()


def test_a_refused_caller_has_a_line_with_its_address(server: Server) -> None:
    answer = loopback.get(f"{server.url}/api/v1/nodes")
    line = wait_for_request(server, request_id=answer.headers["X-Request-ID"])
    assert (line["status"], line["caller"], line["address"]) == (401, None, "127.0.0.1")
    failed = next(one for one in lines(server) if one["event"] == "login failed")
    assert failed["address"] == "127.0.0.1"


def test_a_client_that_leaves_is_logged_with_status_499(serve: Any) -> None:
    server = serve(f'{DUMMY}[clouds.slow]\ndriver = "dummy"\nfaults = {{latency = 5}}\n{JSON}')
    with pytest.raises(Exception, match=r"(?i)timed out"):
        loopback.client(timeout=0.5).get(f"{server.url}/api/v1/nodes/slow")
    assert wait_for_request(server, status=499)["route"] == "/api/v1/nodes/{cloud}"


def test_an_operator_sees_host_and_cause_and_a_caller_does_not(
    server: Server, closed_port: int
) -> None:
    answer = loopback.get(f"{server.url}/api/v1/nodes/dead", headers=OPS)
    assert "127.0.0.1" not in answer.text
    assert "ECONNREFUSED" not in answer.text
    (line,) = [
        one
        for one in lines(server)
        if one["event"] == "cloud call" and one.get("request_id") == answer.headers["X-Request-ID"]
    ]
    assert (line["level"], line["outcome"]) == ("warning", "cloud_unreachable")
    assert line["caller"] == "ops"
    assert line["cause"] == f"127.0.0.1:{closed_port}: ECONNREFUSED (Connection refused)"


def test_a_call_that_succeeds_in_time_is_logged_at_debug(server: Server) -> None:
    answer = loopback.get(f"{server.url}/api/v1/nodes", headers=OPS)
    (line,) = [
        one
        for one in lines(server)
        if one["event"] == "cloud call" and one.get("request_id") == answer.headers["X-Request-ID"]
    ]
    assert (line["level"], line["outcome"]) == ("debug", "ok")


def test_a_call_that_was_slow_is_logged_at_info(serve: Any) -> None:
    slow = (
        '[clouds.slow]\ndriver = "dummy"\nfaults = {latency = 0.5}\ndeadlines = {list_nodes = 2}\n'
    )
    server = serve(DUMMY + slow)
    assert loopback.get(f"{server.url}/api/v1/nodes/slow").status_code == 200
    assert loopback.get(f"{server.url}/api/v1/nodes").status_code == 200
    found = re.findall(r"cloud call .*cloud=(\w+)", server.log())
    assert found == ["slow"]


def test_every_line_about_an_operation_has_its_id(server: Server) -> None:
    answer = loopback.post(f"{server.url}/api/v1/vm/start", json=dict(START), headers=OPS)
    shown = loopback.get(f"{server.url}/api/v2/operations", headers=OPS).json()
    operation = shown["operations"][0]["id"]
    request = answer.headers["X-Request-ID"]
    assert wait_for_request(server, request_id=request)["operation_id"] == operation
    calls = [
        one
        for one in lines(server)
        if one["event"] == "cloud call" and one.get("operation") == "start_vm"
    ]
    assert operation in {one.get("operation_id") for one in calls}
    with loopback.client(headers=OPS) as kept:  # one connection
        started = kept.post(f"{server.url}/api/v1/vm/start", json=dict(START))
        read = kept.get(f"{server.url}/api/v1/nodes")
    line = wait_for_request(server, request_id=read.headers["X-Request-ID"])
    assert started.status_code == 200
    assert "operation_id" not in line


def test_the_durable_workers_lines_have_the_id_too(server: Server) -> None:
    started = loopback.post(f"{server.url}/api/v1/vm/start", json=dict(START), headers=OPS)
    node = started.json()["nodes"]["id"]
    body = {"node": node, "user": "ann", "vm_type": "app", "lease": "1s"}
    assigned = loopback.put(f"{server.url}/api/v1/vm/action/assign", json=body, headers=OPS)
    assert assigned.status_code == 200, assigned.text

    def of_the_lease() -> list[Line]:
        return [one for one in lines(server) if one["event"] == "lease expired"]

    expired = wait_for(of_the_lease, bool)[0]["operation_id"]
    wait_for(
        lambda: {one["event"] for one in lines(server) if one.get("operation_id") == expired},
        lambda seen: {"lease expired", "cloud call", "attempt ended"} <= seen,
    )


def test_probes_and_scrapes_are_logged_at_debug_only(serve: Any) -> None:
    server = serve(DUMMY)
    for path in ("/health", "/health/live", "/health/ready", "/metrics", "/api/v1/"):
        assert loopback.get(f"{server.url}{path}").status_code == 200
    server.wait_for_log(r"request .*route=/api/v1 status=200")
    assert server.log().count("request  ") == 1


def test_access_lines_can_be_turned_off(serve: Any) -> None:
    server = serve(f"{DUMMY}[server]\naccess_log = false\n")
    assert loopback.get(f"{server.url}/api/v1/").status_code == 200
    server.stop()
    assert "request  " not in server.log()


def ended(**more: Any) -> EndedRequest:
    one = EndedRequest("/a", "GET", 200, 0.001, 0.5, "r-1", "ann lee", "a", has_clients_words=False)
    return one._replace(**more)


def test_lines_are_written_whole_and_in_small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    class Stream:
        def write(self, text: str) -> None:
            written.append(text)

    monkeypatch.setattr("orchestrator_core.api.access_log.log_stream", Stream)
    AccessLog(ServerSettings()).write([ended(request_id=f"r-{n}") for n in range(100)])
    assert all(text.endswith("\n") and len(text) <= 2000 for text in written)
    assert len("".join(written).splitlines()) == 100
    assert len(written) < 20
    assert "1970-01-01T00:00:00.500000Z [info     ] request" in written[0]
    assert "caller='ann lee'" in written[0]


def test_the_cause_of_an_error_without_a_network_is_empty() -> None:
    assert cause_of(None) == ""
    assert cause_of(ValueError("x")) == ""


def test_a_cause_in_a_cycle_of_exceptions_is_found() -> None:
    outer, inner = ConnectionError("x"), OSError(113, "No route to host")
    outer.__cause__, inner.__context__ = inner, outer
    assert cause_of(outer) == "EHOSTUNREACH (No route to host)"


def test_the_schema_is_the_one_of_the_page() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "log-schema.json"
    assert json.loads(page.read_text()) == log_schema()
