"""A collector of OpenTelemetry's traces on loopback: OTLP over HTTP, as its protocol says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Received:
    """One span; ids are hexadecimal, and ``service`` has the attributes of its process."""

    name: str
    trace_id: str
    span_id: str
    parent: str
    kind: int
    is_error: bool
    attributes: dict[str, Any]
    service: dict[str, Any]

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


class Collector:
    """A running collector.

    Attributes:
        url: the address for ``OTEL_EXPORTER_OTLP_ENDPOINT``.
        raw: the bodies of the requests.
        headers: the headers of the requests.
    """

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                collector.headers.append({k.lower(): v for k, v in self.headers.items()})
                collector.raw.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def spans(self) -> list[Received]:
        """The spans that have arrived."""
        return [span for body in list(self.raw) for span in _decoded(body)]

    def trace(self, trace_id: str) -> list[Received]:
        """Return the spans of one trace."""
        return [span for span in self.spans if span.trace_id == trace_id]

    def wait(self, wanted: Callable[[list[Received]], bool]) -> list[Received]:
        """Return the spans once they are as wanted."""
        ends_at = time.monotonic() + _PATIENCE
        while not wanted(found := self.spans):
            assert time.monotonic() < ends_at, sorted({span.name for span in found})
            time.sleep(0.05)
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector until the block ends."""
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield collector
    finally:
        collector.server.shutdown()
        thread.join()
        collector.server.server_close()


def _decoded(body: bytes) -> Iterator[Received]:
    for of_process in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _values(of_process.resource.attributes)
        for of_scope in of_process.scope_spans:
            for span in of_scope.spans:
                yield Received(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.kind,
                    span.status.code == 2,
                    _values(span.attributes),
                    service,
                )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: _value(one) for one in attributes}


def _value(one: KeyValue) -> Any:
    return getattr(one.value, one.value.WhichOneof("value") or "string_value")
