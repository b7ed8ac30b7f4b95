"""The alert rules and the dashboard that come with the project, in a real Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from orchestrator_core.metrics.catalogue import SPECS
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations, orphans
from tests import loopback
from tests.commands import run
from tests.conftest import ec2, running
from tests.prometheus import Prometheus, prometheus, promtool
from tests.stateful import Api, settings, wait_for

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "orchestrator.json"

ALERTS: Final[list[dict[str, Any]]] = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
PANELS: Final = [one for one in json.loads(DASHBOARD.read_text())["panels"] if one["type"] != "row"]

SELECTOR = re.compile(r"(orchestrator_\w+)(?:\{([^}]*)\})?")
ALWAYS = {"job", "instance", "le"}

FIRING: Final[dict[str, dict[str, str]]] = {
    "OrchestratorDown": {'up{job="orchestrator"}': "0x60"},
    "OrchestratorDatabaseDown": {"orchestrator_database_up": "0x60"},
    "OrchestratorNoDurableWorker": {"orchestrator_worker_silent_seconds": "0+60x60"},
    "OrchestratorWorkerLag": {"orchestrator_worker_lag_seconds": "0+60x60"},
    "OrchestratorOperationsPaused": {
        'orchestrator_operations{kind="start_vm", state="paused"}': "2x60"
    },
    "OrchestratorOperationOld": {
        'orchestrator_operation_oldest_age_seconds{kind="stop_vm", state="pending"}': "4000x60"
    },
    "OrchestratorErrors": {
        'orchestrator_http_requests_total{status="503"}': "0+10x60",
        'orchestrator_http_requests_total{status="200"}': "0+90x60",
    },
    "OrchestratorSlowReads": {
        'orchestrator_http_request_duration_seconds_bucket{method="GET", le="10.0"}': "0+9x60",
        'orchestrator_http_request_duration_seconds_bucket{method="GET", le="30.0"}': "0+20x60",
        'orchestrator_http_request_duration_seconds_bucket{method="GET", le="+Inf"}': "0+20x60",
    },
    "OrchestratorCircuitOpen": {'orchestrator_cloud_circuit{cloud="a", state="open"}': "1x60"},
    "OrchestratorCredentialsRefused": {
        'orchestrator_cloud_calls_total{cloud="a", outcome="credentials_refused"}': "0+1x60"
    },
    "OrchestratorCloudBusy": {
        'orchestrator_cloud_calls_total{cloud="a", outcome="cloud_busy"}': "0+1x60"
    },
    "OrchestratorThreadsLost": {'orchestrator_cloud_threads_lost{cloud="a"}': "1x60"},
    "OrchestratorOrphans": {'orchestrator_orphans{cloud="a", reason="unknown"}': "1x60"},
    "OrchestratorOrphanScanStale": {'orchestrator_orphan_scan_failed{cloud="a"}': "1x120"},
    "OrchestratorLeasesOverdue": {'orchestrator_leases_ending{cloud="a", within="0"}': "1x60"},
    "OrchestratorDestructionHeld": {"orchestrator_destruction_held": "1x120"},
    "OrchestratorClockInDoubt": {"orchestrator_clock_in_doubt": "1x60"},
    "OrchestratorFailedLogins": {"orchestrator_failed_logins_total": "0+600x60"},
}
"""For each alert, series for which it must fire: values of each minute, as promtool writes them."""

CALM: Final = {
    'up{job="orchestrator"}': "1x120",
    "orchestrator_database_up": "1x120",
    "orchestrator_worker_silent_seconds": "5x120",
    "orchestrator_worker_lag_seconds": "1x120",
    'orchestrator_operations{kind="start_vm", state="running"}': "3x120",
    'orchestrator_operation_oldest_age_seconds{kind="start_vm", state="running"}': "30x120",
    'orchestrator_http_requests_total{status="200"}': "0+100x120",
    'orchestrator_http_requests_total{status="404"}': "0+50x120",
    'orchestrator_cloud_circuit{cloud="a", state="open"}': "0x120",
    'orchestrator_cloud_circuit{cloud="a", state="closed"}': "4x120",
    'orchestrator_cloud_threads_lost{cloud="a"}': "0x120",
    'orchestrator_orphan_scan_failed{cloud="a"}': "0x120",
    'orchestrator_orphan_scan_age_seconds{cloud="a"}': "200x120",
    'orchestrator_leases_ending{cloud="a", within="0"}': "0x120",
    'orchestrator_leases_ending{cloud="a", within="300"}': "7x120",
    "orchestrator_destruction_held": "0x120",
    "orchestrator_clock_in_doubt": "0x120",
    "orchestrator_failed_logins_total": "0+1x120",
}


@pytest.fixture(scope="module")
def scraping(
    tmp_path_factory: pytest.TempPathFactory, closed_port: int
) -> Iterator[tuple[Prometheus, str]]:
    """Run Prometheus and a server on which much has happened; yield it and one scrape."""
    folder = tmp_path_factory.mktemp("monitoring")
    url = f"sqlite:///{folder}/state.db"
    dead = ec2("dead", closed_port, "retries = 0\nbreaker = {failures = 1, seconds = 600}")
    with running(settings(f'url = "{url}"', more=dead), folder) as server:
        server.wait_for_log("durable worker ready")
        target = "{}:{}".format(*server.address)
        with prometheus(target, RULES, folder) as one:
            api = Api(server)
            with api.http:
                act(server.url, api, url)
                wait_for(lambda: one.query("orchestrator_orphans"), bool)
                act(server.url, api, url)
                # A rate needs two scrapes.
                wait_for(
                    lambda: one.query("rate(orchestrator_operations_ended_total[1m]) > 0"), bool
                )
            yield one, loopback.get(f"{server.url}/metrics").text


def act(url: str, api: Api, state: str) -> None:
    node = api.started()
    assert api.assign(node, lease="4m").status_code == 200
    for path in ("/nodes/dead", "/nodes", "/vm/status"):
        loopback.get(f"{url}/api/v1{path}")
    database = Database(state, Path())
    database.write_now(lambda connection: _add_rows(connection, node))
    database.close()


def _add_rows(connection: Any, number: str) -> None:
    at, name = now(), number.rjust(32, "0")[-32:]
    connection.execute(
        operations.insert().values(
            id=name,
            kind="stop_vm",
            cloud="elsewhere",
            state="pending",
            step="destroy",
            unsettled=False,
            caller="c",
            request_id="r",
            parameters={},
            fence=1,
            attempts=1,
            created_at=at,
            next_attempt_at=at,
            deadline_at=at + 3600,
        )
    )
    connection.execute(
        orphans.insert().values(
            cloud="dead",
            node_id=name,
            marker="m",
            operation_id=name,
            reason="unknown",
            first_seen_at=at,
            last_seen_at=at,
            times_seen=1,
        )
    )


def expressions() -> list[Any]:
    found = [pytest.param(alert["expr"], id=alert["alert"]) for alert in ALERTS]
    for panel in PANELS:
        found += [
            pytest.param(target["expr"], id=f"{panel['title']}, {target['refId']}")
            for target in panel["targets"]
        ]
    return found


@pytest.mark.parametrize("expression", expressions())
def test_its_names_and_labels_exist(expression: str) -> None:
    known = {spec.full_name: set(spec.labels) for spec in SPECS}
    for name, labels in SELECTOR.findall(expression):
        base = re.sub(r"_(?:total|bucket|sum|count)$", "", name)
        assert base in known, name
        assert set(re.findall(r"(\w+)\s*[=!]", labels)) <= known[base] | ALWAYS, labels


@pytest.mark.parametrize("expression", [alert["expr"] for alert in ALERTS])
def test_an_alert_is_evaluated_on_a_real_scrape(
    scraping: tuple[Prometheus, str], expression: str
) -> None:
    one, _ = scraping
    one.query(expression)
    for name, _ in SELECTOR.findall(expression):
        assert one.query(f"count({name})"), name


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_shows_something(scraping: tuple[Prometheus, str], panel: dict[str, Any]) -> None:
    one, _ = scraping
    for target in panel["targets"]:
        filled = target["expr"].replace("$__rate_interval", "1m")
        filled = filled.replace("$job", "orchestrator").replace("$cloud", ".*")
        assert "$" not in filled
        found = one.query(filled)
        assert found, filled
        for series in found:
            labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert labels <= set(series["metric"]), (filled, series)


def test_prometheus_has_no_fault_with_the_scrape(scraping: tuple[Prometheus, str]) -> None:
    one, text = scraping
    (target,) = one.get("/targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert promtool("check", "metrics", said=text) == ""


def test_the_rules_are_valid() -> None:
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", str(RULES))


def fires(name: str) -> str:
    return f'count(ALERTS{{alertname="{name}", alertstate="firing"}})'


def rule_test(folder: Path, series: dict[str, str], expected: dict[str, list[float]]) -> None:
    """Check with promtool what expressions give after the series were seen for two hours."""
    tests = [
        {"expr": expression, "eval_time": "100m", "exp_samples": [{"value": one} for one in values]}
        for expression, values in expected.items()
    ]
    named = [{"series": _with_job(one), "values": values} for one, values in series.items()]
    file = folder / "test.json"  # JSON is YAML too
    case = {"interval": "1m", "input_series": named, "promql_expr_test": tests}
    file.write_text(json.dumps({"rule_files": [str(RULES)], "tests": [case]}))
    promtool("test", "rules", str(file))


def _with_job(series: str) -> str:
    if "job=" in series:
        return series
    name, _, labels = series.partition("{")
    rest = f", {labels}" if labels else "}"
    return f'{name}{{job="orchestrator", instance="one"{rest}'


def test_every_alert_has_series_that_make_it_fire() -> None:
    assert set(FIRING) == {alert["alert"] for alert in ALERTS}


@pytest.mark.parametrize("name", FIRING)
def test_an_alert_fires(name: str, tmp_path: Path) -> None:
    series = {one: re.sub(r"x\d+$", "x120", values) for one, values in FIRING[name].items()}
    rule_test(tmp_path, series, {fires(name): [1.0]})


def test_a_server_whose_database_knows_no_durable_worker_is_reported(tmp_path: Path) -> None:
    rule_test(
        tmp_path,
        {"orchestrator_database_up": "1x120"},
        {fires("OrchestratorNoDurableWorker"): [1.0]},
    )


def test_no_alert_fires_on_a_calm_installation(tmp_path: Path) -> None:
    rule_test(tmp_path, CALM, {'count(ALERTS{alertstate=~".*"})': []})


COMMANDS = sorted(
    {
        found
        for alert in ALERTS
        for found in re.findall(r"`(orchestrator [^`]+)`", alert["annotations"]["description"])
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_in_an_alert_exists(command: str) -> None:
    words = [word for word in command.split()[1:] if word.islower()]
    assert run(*words, "--help").returncode == 0
