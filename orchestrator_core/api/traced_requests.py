"""Traces of requests, with OpenTelemetry's instrumentation of ASGI."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, cast

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.asgi import (
    OpenTelemetryMiddleware,
    asgi_getter,
    get_host_port_url_tuple,
)
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind
from opentelemetry.util.http import get_excluded_urls, sanitize_method

from orchestrator_core.api.access_log import QUIET
from orchestrator_core.api.addresses import address_of
from orchestrator_core.api.observer import NOTED, TRACE, UNMATCHED
from orchestrator_core.log import operation_id
from orchestrator_core.traces.provider import Ids, RatioSampler
from orchestrator_core.traces.recording import Recording
from orchestrator_core.traces.tracer import tracer

_Message = dict[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_AnySend = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

_QUIET: Final = frozenset(QUIET)
_NO_CONTEXT: Final = Context()

_EXCLUDING: Final = ("OTEL_PYTHON_ASGI_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS")
"""The variables that name URLs without traces."""

_METHOD: Final = "HTTP"
"""The name of a span whose method is none of HTTP's."""


class TracedRequests:
    """An ASGI application with a span around each request that is sampled.

    The instrumentation costs as much as a short answer, even for a request that is not sampled. The
    sampler is therefore asked here, and only requests that it takes go through the
    instrumentation.

    Args:
        application: the application without traces.
    """

    def __init__(self, application: _App) -> None:
        recording = tracer()
        assert isinstance(recording, Recording)
        provider = recording.provider
        self._application = application
        self._sampler = provider.sampler
        self._limit = _limit(provider.sampler)
        self._ids: IdGenerator = provider.id_generator
        self._carriers = {name.encode() for name in propagate.get_global_textmap().fields}
        self._excluded = get_excluded_urls("ASGI")
        self._has_excluded = any(map(os.environ.get, _EXCLUDING))
        self._instrumented = OpenTelemetryMiddleware(
            self._described,
            default_span_details=_first_details,
            tracer_provider=provider,
            meter_provider=NoOpMeterProvider(),  # Prometheus reads the metrics
            exclude_spans=["receive", "send"],
        )

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Serve one ASGI connection scope."""
        if (
            scope["type"] != "http"
            or scope["path"] in _QUIET
            or (self._has_excluded and self._is_excluded(scope))
        ):
            await self._application(scope, receive, send)
            return
        dropped = self._dropped(scope)
        if dropped is None:
            await self._instrumented(scope, receive, cast("_AnySend", send))
            return
        token = context.attach(dropped)
        try:
            await self._application(scope, receive, send)
        finally:
            context.detach(token)

    def _is_excluded(self, scope: _Message) -> bool:
        """Return whether ``OTEL_PYTHON_EXCLUDED_URLS`` names a request."""
        *_, url = get_host_port_url_tuple(scope)  # type: ignore[no-untyped-call]
        return bool(self._excluded.url_disabled(url))

    def _dropped(self, scope: _Message) -> Context | None:
        """Return the context of a request that is not sampled; None for one that is."""
        for name, _ in scope["headers"]:
            if name in self._carriers:
                return self._dropped_below(propagate.extract(scope, Context(), asgi_getter), scope)
        return self._dropped_root(_NO_CONTEXT, scope)

    def _dropped_below(self, around: Context, scope: _Message) -> Context | None:
        """Decide as the caller's span says."""
        found = trace.get_current_span(around).get_span_context()
        if not found.is_valid:
            return self._dropped_root(around, scope)
        if self._is_taken(around, found.trace_id, scope):
            return None
        return trace.set_span_in_context(NonRecordingSpan(found), around)

    def _dropped_root(self, around: Context, scope: _Message) -> Context | None:
        trace_id = self._ids.generate_trace_id()
        is_taken = (
            self._is_taken(around, trace_id, scope)
            if self._limit is None
            else trace_id & TraceIdRatioBased.TRACE_ID_LIMIT < self._limit
        )
        if is_taken:
            if isinstance(self._ids, Ids):
                self._ids.choose(trace_id)  # for which the sampler decides in the same way again
            return None
        return trace.set_span_in_context(_Unsampled(self._ids, trace_id), around)

    def _is_taken(self, around: Context, trace_id: int, scope: _Message) -> bool:
        result = self._sampler.should_sample(around, trace_id, scope["method"], SpanKind.SERVER)
        return result.decision is not Decision.DROP

    async def _described(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Serve a request that is sampled; name its span before the answer, which ends it."""
        span = trace.get_current_span()
        scope[TRACE] = tracer().ids()

        async def described(message: _Message) -> None:
            if message["type"] == "http.response.start":
                _describe(span, scope)
            await send(message)

        await self._application(scope, receive, described)


class _Unsampled(NonRecordingSpan):
    """The span of a request that is not sampled, whose ids are made only if they are asked for.

    Another server that continues the trace needs them, to record nothing either.

    Args:
        ids: the generator of ids.
        trace_id: the id of the trace.
    """

    def __init__(self, ids: IdGenerator, trace_id: int) -> None:  # without that of its base class
        self._ids = ids
        self._trace_id = trace_id
        self._made: SpanContext | None = None

    def get_span_context(self) -> SpanContext:
        if self._made is None:
            self._made = SpanContext(self._trace_id, self._ids.generate_span_id(), is_remote=False)
        return self._made


def _limit(sampler: Sampler) -> int | None:
    """Return the lowest id of a new trace that is not sampled; None if the sampler must be asked.

    The sampler costs a hundredth of a short answer.
    """
    return sampler.limit if isinstance(sampler, RatioSampler) else None


def _first_details(scope: _Message) -> tuple[str, dict[str, str]]:
    """Return the name of a span whose route is not known yet; a path may contain anything."""
    return _method(scope), {}


def _describe(span: trace.Span, scope: _Message) -> None:
    noted = scope.get(NOTED)
    if noted is None:
        return
    req, _ = noted
    route = req.uri_template
    attributes = {
        "orchestrator.request_id": req.context.request_id,
        "orchestrator.caller": getattr(req.context, "caller", None),
        "orchestrator.operation.id": operation_id(),
        "http.route": route,
        "client.address": address_of(req),
    }
    span.update_name(f"{_method(scope)} {route or UNMATCHED}")
    span.set_attributes({key: value for key, value in attributes.items() if value is not None})


def _method(scope: _Message) -> str:
    method: str = sanitize_method(scope["method"])
    return _METHOD if method == "_OTHER" else method
