"""The tracer that makes OpenTelemetry's spans."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextvars import Token
from types import TracebackType
from typing import Final, Self

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from orchestrator_core.errors import RequestError, Unsupported, outcome_of
from orchestrator_core.traces.tracer import NO_SPAN, Span, SpanKind, TraceIds, Tracer

SCOPE: Final = "orchestrator"
"""The name of the instrumentation scope of the core's own spans."""

_OUTCOME: Final = "orchestrator.outcome"

_KINDS: Final = {
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
    SpanKind.CLIENT: trace.SpanKind.CLIENT,
    SpanKind.CONSUMER: trace.SpanKind.CONSUMER,
}

_PARENT: Final = "traceparent"

_FLUSH: Final = 2.0
"""The seconds for which a process that stops waits for its collector."""


class _Recorded(Span):
    """A span that OpenTelemetry records.

    Args:
        span: OpenTelemetry's span.
        around: the context in which it was begun.
    """

    __slots__ = ("_around", "_span", "_token")

    def __init__(self, span: trace.Span, around: Context) -> None:
        self._span = span
        self._around = around
        self._token: Token[Context] | None = None

    def __enter__(self) -> Self:
        self._token = context.attach(trace.set_span_in_context(self._span, self._around))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace_: TracebackType | None,
    ) -> None:
        assert self._token is not None
        context.detach(self._token)
        self._span.set_attribute(_OUTCOME, outcome_of(error))
        if error is not None and not isinstance(error, RequestError | Unsupported):
            # Without a description: the text of an error may name what is inside.
            self._span.set_status(StatusCode.ERROR)
        self._span.end()

    def note(self, attributes: Mapping[str, str | int]) -> None:
        self._span.set_attributes(attributes)


class Recording(Tracer):
    """The tracer of a process that sends spans.

    Args:
        provider: the provider of the spans.
    """

    is_recording = True

    def __init__(self, provider: TracerProvider) -> None:
        self.provider = provider
        self._tracer = provider.get_tracer(SCOPE)
        self._parents = TraceContextTextMapPropagator()

    def span(self, name: str, kind: SpanKind, attributes: Mapping[str, str | int]) -> Span:
        """Return a span below the current one."""
        around = context.get_current()
        if not trace.get_current_span(around).is_recording():
            return NO_SPAN
        return self._begin(name, kind, attributes, around)

    def continued(
        self, parent: str | None, name: str, kind: SpanKind, attributes: Mapping[str, str | int]
    ) -> Span:
        """Return a span below one of another process, or the first one of a trace."""
        around = Context()
        if parent is not None:
            around = self._parents.extract({_PARENT: parent}, around)
        return self._begin(name, kind, attributes, around)

    def ids(self) -> TraceIds | None:
        """Return the ids of the current span."""
        span = trace.get_current_span()
        if not span.is_recording():
            return None
        found = span.get_span_context()
        return TraceIds(trace.format_trace_id(found.trace_id), trace.format_span_id(found.span_id))

    def parent(self) -> str | None:
        """Return the current span as a W3C ``traceparent``."""
        if not trace.get_current_span().is_recording():
            return None
        carrier: dict[str, str] = {}
        self._parents.inject(carrier)
        return carrier.get(_PARENT)

    def headers(self) -> dict[str, str]:
        """Return the headers that continue the current trace, as ``OTEL_PROPAGATORS`` says."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return carrier

    def close(self) -> None:
        """Send the spans that wait.

        OpenTelemetry itself would wait for half a minute for a collector that does not answer.
        """
        thread = threading.Thread(target=self.provider.shutdown, name="traces-end", daemon=True)
        thread.start()
        thread.join(_FLUSH)

    def _begin(
        self, name: str, kind: SpanKind, attributes: Mapping[str, str | int], around: Context
    ) -> Span:
        span = self._tracer.start_span(
            name,
            around,
            _KINDS[kind],
            attributes,
            record_exception=False,
            set_status_on_exception=False,
        )
        return _Recorded(span, around)
