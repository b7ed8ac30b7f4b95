"""The set-up of OpenTelemetry in one process, from the settings and from its own variables."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import unquote

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from orchestrator_core.errors import SettingsError
from orchestrator_core.redaction import register_secret
from orchestrator_core.settings.model import TracesSettings
from orchestrator_core.settings.opentelemetry import (
    HTTP_EXPORTER,
    exporter_names,
    find_exporter,
    is_disabled,
    missing_exporter,
)
from orchestrator_core.traces.exporter import RedactingExporter
from orchestrator_core.traces.recording import Recording
from orchestrator_core.traces.tracer import Tracer, tracer, use

_NAME: Final = "orchestrator"
_UNNAMED: Final = "unknown_service"
"""The beginning of the name that OpenTelemetry gives to a service without one."""

_PATH: Final = "/v1/traces"

_SECRET_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")


class Ids(RandomIdGenerator):
    """A generator of ids, whose next trace may be chosen beforehand.

    Used from one event loop; the choice and its use are not interrupted.
    """

    def __init__(self) -> None:
        self._chosen: int | None = None

    def choose(self, trace_id: int) -> None:
        """Give this id to the next trace."""
        self._chosen = trace_id

    def generate_trace_id(self) -> int:
        """Return the chosen id, or a random one."""
        chosen, self._chosen = self._chosen, None
        return super().generate_trace_id() if chosen is None else chosen


class RatioSampler(ParentBased):
    """A sampler that takes a part of the new traces, and decides otherwise as its caller has.

    Args:
        part: 0 to 1.

    Attributes:
        limit: the lowest last half of the id of a new trace that is not sampled.
    """

    def __init__(self, part: float) -> None:
        super().__init__(TraceIdRatioBased(part))
        self.limit = TraceIdRatioBased.get_bound_for_rate(part)


def begin(settings: TracesSettings) -> None:
    """Send traces from this process from now on, which must not fork afterwards.

    Raises:
        SettingsError: when the variables of OpenTelemetry name an exporter that is missing.
    """
    if is_disabled():
        return
    before = tracer()
    if isinstance(before, Recording):
        use(Tracer())
        before.close()
    # The instrumentation's names of attributes that OpenTelemetry has declared stable.
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    provider = TracerProvider(
        sampler=None if settings.sample is None else RatioSampler(settings.sample),
        resource=_resource(settings),
        id_generator=Ids(),
        shutdown_on_exit=False,  # it would wait for a dead collector
    )
    _keep_secrets()
    for name in exporter_names():
        exporter = RedactingExporter(_exporter(name, settings))
        provider.add_span_processor(BatchSpanProcessor(exporter))
    # For instrumented libraries of plugins. A process has only one, so a second call has no effect.
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(provider)
    use(Recording(provider))


def _resource(settings: TracesSettings) -> Resource:
    known = Resource.create({SERVICE_VERSION: version("vm-orchestrator")})
    name = settings.service_name
    if name is None and str(known.attributes[SERVICE_NAME]).startswith(_UNNAMED):
        name = _NAME
    return known if name is None else known.merge(Resource({SERVICE_NAME: name}))


def _keep_secrets() -> None:
    """Remove the collector's tokens from all that is logged or sent."""
    for variable in _SECRET_VARIABLES:
        for pair in os.environ.get(variable, "").split(","):
            register_secret(unquote(pair.partition("=")[2]).strip())


def _exporter(name: str, settings: TracesSettings) -> SpanExporter:
    found = find_exporter(name)
    if found is None:
        raise SettingsError(f"traces: {missing_exporter(name)}")
    arguments: dict[str, Any] = {}
    if settings.endpoint is not None and name == HTTP_EXPORTER:
        arguments["endpoint"] = settings.endpoint.rstrip("/").removesuffix(_PATH) + _PATH
    exporter: SpanExporter = found.load()(**arguments)
    return exporter
