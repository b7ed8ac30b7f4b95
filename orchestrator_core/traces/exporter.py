"""Removal of secrets and inner addresses from spans, in the thread that sends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from orchestrator_core.redaction import redact
from orchestrator_core.traces.recording import SCOPE

REQUESTS: Final = "opentelemetry.instrumentation.asgi"

_OF_REQUESTS: Final = (
    "client.address",
    "error.type",
    "http.request.header.",
    "http.request.method",
    "http.response.header.",
    "http.response.status_code",
    "http.route",
    "network.protocol.version",
    "orchestrator.",
    "url.scheme",
)
"""The attributes that are sent about a request: those of an access line, and the headers that an
operator has named in OpenTelemetry's own variables. A path and a query may contain anything."""

_OURS: Final = frozenset({SCOPE, REQUESTS})

_CLIENTS_WORDS: Final = ("orchestrator.request_id", "http.request.header.", "http.response.header.")
"""The attributes of the core's own spans that are not words of the core or of the settings."""


class RedactingExporter(SpanExporter):
    """An exporter that passes spans without secrets to another one.

    Args:
        inner: the exporter that sends them.
    """

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        return self._inner.export([_cleaned(span) for span in spans])

    def shutdown(self) -> None:
        """Send nothing more."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do what the other exporter does."""
        return self._inner.force_flush(timeout_millis)


def _cleaned(span: ReadableSpan) -> ReadableSpan:
    """Return a span without secrets; the same one if it may be sent as it is."""
    attributes: Mapping[str, Any] = span.attributes or {}
    scope = "" if span.instrumentation_scope is None else span.instrumentation_scope.name
    if scope == REQUESTS:
        attributes = {
            key: value for key, value in attributes.items() if key.startswith(_OF_REQUESTS)
        }
    # Most spans have no secret, and one search costs much less than one for each value.
    text = "\n".join(_foreign_words(span, attributes, scope))
    has_secret = bool(text) and redact(text) != text
    if scope != REQUESTS and not has_secret:
        return span
    return _copy(span, attributes, has_secret=has_secret)


def _foreign_words(span: ReadableSpan, attributes: Mapping[str, Any], scope: str) -> Iterator[str]:
    """Yield the texts of a span that may contain a secret."""
    is_ours = scope in _OURS
    if not is_ours:
        yield span.name
    if span.status.description:
        yield span.status.description
    for key, value in attributes.items():
        if not is_ours or key.startswith(_CLIENTS_WORDS):
            yield str(value)
    for event in span.events:
        yield from map(str, (event.attributes or {}).values())


def _copy(span: ReadableSpan, attributes: Mapping[str, Any], *, has_secret: bool) -> ReadableSpan:
    name, status, events = span.name, span.status, span.events
    if has_secret:
        name, attributes = redact(name), _redacted(attributes)
        status = Status(status.status_code, status.description and redact(status.description))
        events = [
            Event(event.name, _redacted(event.attributes or {}), event.timestamp)
            for event in events
        ]
    return ReadableSpan(
        name=name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=events,
        links=span.links,
        kind=span.kind,
        status=status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _redacted(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _redacted_value(value) for key, value in attributes.items()}


def _redacted_value(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Sequence):
        return [_redacted_value(one) for one in value]
    return value
