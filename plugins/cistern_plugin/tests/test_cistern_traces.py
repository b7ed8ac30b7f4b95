"""The trace of a request, continued in Cistern."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.collector import collecting
from tests.conftest import Serve, clean_environment, serve
from tests.loopback import client

__all__ = ["clean_environment", "serve"]

SETTINGS = """
default_cloud = "fake_driver"
[clouds.fake_driver]
driver = "dummy"
assignment = "brain"
[assignments.brain]
backend = "cistern"
url = "{cistern}"
"""
TRACES = '[traces]\nenabled = true\nsample = 1\nendpoint = "{collector}"\n'
FAST = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
ASSIGN = {"node": "1", "user": "ann", "vm_type": "app"}


def assign(url: str, traceparent: str) -> None:
    with client(url) as http:
        headers = {"traceparent": traceparent}
        answer = http.put("/api/v1/vm/action/assign", json=ASSIGN, headers=headers)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("flags", ["01", "00"], ids=["sampled", "not-sampled"])
def test_cistern_gets_the_context_of_the_trace(
    cistern_server: Any, serve: Serve, flags: str
) -> None:
    cistern_server.add("fake_driver", "1", "dummy-1")
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    with collecting() as collector:
        toml = SETTINGS.format(cistern=cistern_server.url)
        server = serve(toml + TRACES.format(collector=collector.url), environment=FAST)
        assign(server.url, f"00-{trace_id}-{span_id}-{flags}")
        (asked,) = cistern_server.asked("assign")
        if flags == "00":
            assert asked.headers["traceparent"] == f"00-{trace_id}-{span_id}-00"
            return
        collector.wait(lambda found: any(one.name == "backend assign_vm" for one in found))
        (call,) = [one for one in collector.trace(trace_id) if one.name == "backend assign_vm"]
        assert asked.headers["traceparent"][:-2] == call.traceparent[:-2]
        assert call.attributes["orchestrator.backend"] == "brain"


def test_without_traces_no_header_is_sent(cistern_server: Any, serve: Serve) -> None:
    cistern_server.add("fake_driver", "1", "dummy-1")
    server = serve(SETTINGS.format(cistern=cistern_server.url))
    assign(server.url, f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01")
    (asked,) = cistern_server.asked("assign")
    assert not {"traceparent", "tracestate", "baggage"} & asked.headers.keys()
