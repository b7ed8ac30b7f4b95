"""The traces of a server, as a collector receives them."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings import opentelemetry
from orchestrator_core.settings.load import load_settings
from tests import loopback
from tests.collector import Collector, Received, collecting
from tests.conftest import DUMMY, OPS_TOKEN, Server, running
from tests.stateful import Api, settings

QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
SLOW = {"OTEL_BSP_SCHEDULE_DELAY": "60000"}
"""The milliseconds between two requests to the collector."""

ENABLED = "[traces]\nenabled = true\n"
SERVER, INTERNAL, CLIENT, CONSUMER = 2, 1, 3, 5
COLLECTORS_TOKEN = "7b1f5dd0a65a4b4c9d3f00e1c2b3a495"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def server(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve with two workers, a durable worker and what OpenTelemetry's own variables say."""
    folder = tmp_path_factory.mktemp("traces")
    cloud = f'store = "file:{folder}/cloud.db"\nhints = true\n'
    broken = '[clouds.broken]\ndriver = "dummy"\nretries = 1\n[clouds.broken.faults]\n'
    broken += "operations = ['list_nodes']\nerror_rate = 1\nerror = 'unreachable'\n"
    auth = '[auth]\nmode = "token"\ntokens = {ops = "env:OPS_TOKEN"}\n'
    log = '[server]\nlog_format = "json"\n'
    state = f'url = "sqlite:///{folder}/state.db"'
    environment = {
        **QUICK,
        "OPS_TOKEN": OPS_TOKEN,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{COLLECTORS_TOKEN}",
        "OTEL_PYTHON_EXCLUDED_URLS": "api/v1/locations",
        "OTEL_SERVICE_NAME": "vms",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }
    toml = settings(state, cloud, broken + auth + log + ENABLED)
    with running(toml, folder, environment, workers=2) as one:
        yield one


@pytest.fixture
def api(server: Server) -> Iterator[Api]:
    one = Api(server, "fake_driver")
    one.http.headers["Authorization"] = f"Bearer {OPS_TOKEN}"
    with one.http:
        yield one


def caller() -> tuple[str, str]:
    """Return a caller's trace id, and the header that continues its trace."""
    trace_id = secrets.token_hex(16)
    return trace_id, f"00-{trace_id}-{secrets.token_hex(8)}-01"


def named(spans: list[Received], name: str) -> list[Received]:
    return [span for span in spans if span.name == name]


def lines(server: Server) -> list[dict[str, object]]:
    return [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]


def test_one_trace_has_the_request_its_calls_and_the_durable_workers_part(
    server: Server, collector: Collector, api: Api
) -> None:
    trace_id, traceparent = caller()
    answer = api.start(
        **{"traceparent": traceparent, "X-Request-ID": "r-1", "X-Cloud-Hints": "lost_answer"}
    )
    assert answer.status_code == 502
    operation = answer.json()["operation"]
    assert api.settled(operation)["state"] == "succeeded"
    collector.wait(
        lambda _: any(
            one.attributes.get("orchestrator.operation.state") == "succeeded"
            for one in collector.trace(trace_id)
        )
    )
    found = collector.trace(trace_id)
    (request,) = [span for span in found if span.kind == SERVER]
    assert request.name == "POST /api/v1/vm/start/{cloud}"
    assert request.parent == traceparent.split("-")[2]
    assert request.attributes["http.response.status_code"] == 502
    assert request.attributes["orchestrator.caller"] == "ops"
    assert request.attributes["orchestrator.operation.id"] == operation
    assert request.attributes["client.address"] == "127.0.0.1"
    (change,) = [span for span in found if span.kind == INTERNAL]
    assert change.name == "operation start_vm"
    assert change.parent == request.span_id
    (call,) = named(found, "cloud start_vm")
    assert call.parent == change.span_id
    assert call.kind == CLIENT
    assert call.is_error
    assert call.attributes == {
        "orchestrator.cloud": "fake_driver",
        "orchestrator.hook": "start_vm",
        "orchestrator.attempt": 1,
        "orchestrator.outcome": answer.json()["error_code"],
    }
    written = named(found, "database write")
    assert change.span_id in {one.parent for one in written}
    assert {one.attributes["db.system.name"] for one in written} == {"sqlite"}
    attempts = [span for span in found if span.kind == CONSUMER]
    assert {span.parent for span in attempts} == {request.span_id}
    assert {span.attributes["orchestrator.operation.id"] for span in attempts} == {operation}
    process = "service.instance.id"
    assert attempts[0].service[process] != request.service[process]
    assert named(found, "cloud find_node")[0].parent == attempts[0].span_id
    for span in found:
        assert span.service["service.name"] == "vms"
        assert span.service["deployment.environment.name"] == "test"
    assert collector.headers[-1]["authorization"] == f"Bearer {COLLECTORS_TOKEN}"
    (line,) = [one for one in lines(server) if one["event"] == "request" and is_of(one, "r-1")]
    assert (line["trace_id"], line["span_id"]) == (trace_id, request.span_id)
    ended = [one for one in lines(server) if one["event"] == "attempt ended"]
    assert {one["trace_id"] for one in ended if one["operation_id"] == operation} == {trace_id}


def is_of(line: dict[str, object], request_id: str) -> bool:
    return line.get("request_id") == request_id


def test_each_attempt_of_a_call_has_a_span_with_its_outcome(
    server: Server, collector: Collector, api: Api
) -> None:
    trace_id, traceparent = caller()
    answer = api.http.get("/nodes/broken", headers={"traceparent": traceparent})
    assert answer.status_code == 502
    collector.wait(lambda _: any(one.kind == SERVER for one in collector.trace(trace_id)))
    calls = named(collector.trace(trace_id), "cloud list_nodes")
    assert [one.attributes["orchestrator.attempt"] for one in calls] == [1, 2]
    assert all(one.is_error for one in calls)
    assert {one.attributes["orchestrator.outcome"] for one in calls} == {
        answer.json()["error_code"]
    }
    logged = [one for one in lines(server) if one.get("trace_id") == trace_id]
    assert {one["span_id"] for one in logged if one["event"] == "cloud call"} <= {
        one.span_id for one in calls
    }


def test_requests_of_one_connection_have_traces_of_their_own(
    collector: Collector, api: Api
) -> None:
    ids = [f"kept-{secrets.token_hex(4)}" for _ in range(3)]
    for name in ids:
        assert api.http.get("/sizes", headers={"X-Request-ID": name}).status_code == 200

    def of(found: list[Received]) -> list[Received]:
        return [one for one in found if one.attributes.get("orchestrator.request_id") in ids]

    found = of(collector.wait(lambda spans: len(of(spans)) == len(ids)))
    assert len({one.trace_id for one in found}) == len(ids)
    assert {one.parent for one in found} == {""}


def test_a_callers_decision_not_to_sample_is_kept(collector: Collector, api: Api) -> None:
    dropped, traceparent = caller()
    taken, other = caller()
    traceparent = traceparent.removesuffix("01") + "00"
    assert api.http.get("/images", headers={"traceparent": traceparent}).status_code == 200
    assert api.http.get("/images", headers={"traceparent": other}).status_code == 200
    collector.wait(lambda _: bool(collector.trace(taken)))
    assert collector.trace(dropped) == []


def test_no_secret_and_no_path_is_sent(server: Server, collector: Collector, api: Api) -> None:
    trace_id, traceparent = caller()
    headers = {"traceparent": traceparent, "X-Request-ID": OPS_TOKEN, "User-Agent": OPS_TOKEN}
    api.http.get(f"/nodes/{OPS_TOKEN}", params={"token": OPS_TOKEN}, headers=headers)
    api.http.get(f"{server.url}/unknown/{OPS_TOKEN}", headers=headers)
    collector.wait(
        lambda _: len([one for one in collector.trace(trace_id) if one.kind == SERVER]) == 2
    )
    found = [one for one in collector.trace(trace_id) if one.kind == SERVER]
    assert {one.attributes["orchestrator.request_id"] for one in found} == {"***"}
    assert {one.name for one in found} == {"GET /api/v1/nodes/{cloud}", "GET unmatched"}
    sent = b"".join(collector.raw)
    assert OPS_TOKEN.encode() not in sent
    assert b"url.path" not in sent
    assert b"server.address" not in sent
    assert COLLECTORS_TOKEN not in server.log()


def test_probes_and_excluded_urls_are_not_traced(
    server: Server, collector: Collector, api: Api
) -> None:
    _, traceparent = caller()
    taken, other = caller()
    for path in ("/health", "/health/live", "/metrics", "/api/v1/locations"):
        loopback.get(f"{server.url}{path}", headers={"traceparent": traceparent})
    api.http.get("/sizes", headers={"traceparent": other})
    collector.wait(lambda _: bool(collector.trace(taken)))
    assert collector.trace(traceparent.split("-")[1]) == []


def test_workers_send_what_waits_before_they_end(tmp_path: Path) -> None:
    with collecting() as collector:
        toml = f'{DUMMY}{ENABLED}endpoint = "{collector.url}"\nservice_name = "here"\n'
        with running(toml, tmp_path, SLOW) as server:
            trace_id, traceparent = caller()
            loopback.get(f"{server.url}/api/v1/nodes", headers={"traceparent": traceparent})
            assert collector.spans == []
            old = server.workers()
            server.signal(signal.SIGHUP)
            server.wait_for_new_workers(old)
            assert len(collector.trace(trace_id)) == 2
            trace_id, traceparent = caller()
            loopback.get(f"{server.url}/api/v1/nodes", headers={"traceparent": traceparent})
            server.stop()
            found = collector.trace(trace_id)
    assert {one.name for one in found} == {"GET /api/v1/nodes", "cloud list_nodes"}
    assert {one.service["service.name"] for one in found} == {"here"}


@pytest.mark.parametrize("listens", [False, True], ids=["refusing", "silent"])
def test_a_dead_collector_delays_no_request_and_no_stop(tmp_path: Path, *, listens: bool) -> None:
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        if listens:
            dead.listen()
        url = f"http://127.0.0.1:{dead.getsockname()[1]}"
        # More spans than the exporter's queue takes.
        few = {**QUICK, "OTEL_BSP_MAX_QUEUE_SIZE": "16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8"}
        with running(f'{DUMMY}{ENABLED}endpoint = "{url}"\n', tmp_path, few) as server:
            slowest = 0.0
            with loopback.client(server.url) as http:
                for _ in range(200):
                    begun = time.monotonic()
                    assert http.get("/api/v1/nodes").status_code == 200
                    slowest = max(slowest, time.monotonic() - begun)
            begun = time.monotonic()
            assert server.stop() == 0
            stopped = time.monotonic() - begun
    assert slowest < 1.0
    assert stopped < 5.0  # two of them wait for the collector
    assert "Traceback" not in server.log()
    said = [line for line in server.log().splitlines() if " request " not in line]
    assert len(said) < 40, said


def test_opentelemetry_is_imported_only_if_it_is_used() -> None:
    code = """
import sys
from orchestrator_core.app import create_app
from orchestrator_core.settings.model import Settings, TracesSettings
create_app(Settings(traces=TracesSettings(enabled=len(sys.argv) > 1)))
print(any(name.startswith("opentelemetry") for name in sys.modules))
"""
    for arguments, is_imported in ([], "False"), (["on"], "True"):
        command = [sys.executable, "-c", code, *arguments]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        assert said.stdout.strip() == is_imported


def test_opentelemetrys_own_variables_turn_it_off(tmp_path: Path) -> None:
    with collecting() as collector:
        toml = f'{DUMMY}{ENABLED}endpoint = "{collector.url}"\n'
        for number, variable in enumerate(
            (
                {"OTEL_SDK_DISABLED": "true"},
                {"OTEL_TRACES_EXPORTER": "none"},
                {"OTEL_TRACES_SAMPLER": "parentbased_always_off"},
            )
        ):
            folder = tmp_path / str(number)
            folder.mkdir()
            with running(toml, folder, {**QUICK, **variable}) as server:
                assert loopback.get(f"{server.url}/api/v1/nodes").status_code == 200
        assert collector.raw == []


def test_a_missing_package_is_an_error_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opentelemetry, "_MODULES", ("opentelemetry_absent.sdk",))
    file = tmp_path / "orchestrator.toml"
    file.write_text(f"{DUMMY}{ENABLED}")
    with pytest.raises(SettingsError, match=r"pip install 'vm-orchestrator\[traces\]'"):
        load_settings(file)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('endpoint = "collector:4318"', "must be http://HOST:PORT or https://HOST:PORT"),
        ('endpoint = "http://me:secret@collector"', "must not contain a password"),
        ("sample = 2", "sample"),
    ],
)
def test_wrong_settings_say_so(tmp_path: Path, line: str, why: str) -> None:
    file = tmp_path / "orchestrator.toml"
    file.write_text(f"{DUMMY}[traces]\n{line}\n")
    with pytest.raises(SettingsError, match=why) as raised:
        load_settings(file)
    assert "secret" not in str(raised.value)


def test_an_exporter_that_is_not_installed_is_an_error_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    file = tmp_path / "orchestrator.toml"
    file.write_text(f"{DUMMY}{ENABLED}")
    with pytest.raises(SettingsError, match="'otlp_proto_grpc', which is not installed"):
        load_settings(file)
