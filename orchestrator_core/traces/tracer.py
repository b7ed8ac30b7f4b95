"""The tracer of this process, which the core asks for spans."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import TracebackType
from typing import Final, NamedTuple, Self


class SpanKind(Enum):
    """The role of a piece of work, as OpenTelemetry names it."""

    INTERNAL = auto()
    CLIENT = auto()
    CONSUMER = auto()


class TraceIds(NamedTuple):
    """The ids of the current span.

    Attributes:
        trace_id: the trace, 32 hexadecimal digits.
        span_id: the span, 16 hexadecimal digits.
    """

    trace_id: str
    span_id: str


class Span:
    """A span that is not recorded: a context around a piece of work.

    The error that leaves the context is the outcome of the span.
    """

    __slots__ = ()

    def __enter__(self) -> Self:
        """Begin the span, which is the current one until its end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the span."""

    def note(self, attributes: Mapping[str, str | int]) -> None:
        """Add attributes."""


NO_SPAN: Final = Span()


class Tracer:
    """A tracer that records nothing; :class:`~orchestrator_core.traces.recording.Recording` does.

    No method raises an error or waits, except for :meth:`close`.

    Attributes:
        is_recording: whether this tracer may record spans.
    """

    is_recording: bool = False

    def span(
        self,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, str | int],
    ) -> Span:
        """Return a span below the current one; nothing is recorded if that one is not.

        Args:
            name: the name, of which there are only a few.
            kind: the role of the work.
            attributes: its attributes.
        """
        return NO_SPAN

    def continued(
        self, parent: str | None, name: str, kind: SpanKind, attributes: Mapping[str, str | int]
    ) -> Span:
        """Return a span below one of another process.

        Args:
            parent: the result of :meth:`parent` there; None to begin a new trace, which may be
                recorded or not.
            name: as for :meth:`span`.
            kind: as for :meth:`span`.
            attributes: as for :meth:`span`.
        """
        return NO_SPAN

    def ids(self) -> TraceIds | None:
        """Return the ids of the current span; None if none is recorded."""
        return None

    def parent(self) -> str | None:
        """Return the current span as a W3C ``traceparent``; None if none is recorded."""
        return None

    def headers(self) -> dict[str, str]:
        """Return the headers that continue the current trace in another server."""
        return {}

    def close(self) -> None:
        """Send the spans that wait, for two seconds at most; this blocks."""


class _Current:
    tracer: Tracer = Tracer()


def tracer() -> Tracer:
    """Return the tracer of this process."""
    return _Current.tracer


def use(one: Tracer) -> None:
    """Use a tracer for this process from now on."""
    _Current.tracer = one


def trace_headers() -> dict[str, str]:
    """Return the HTTP headers that continue the trace of the current call in another server.

    Call this in the thread that runs the hook. The headers are those of W3C Trace Context,
    ``traceparent`` and ``tracestate``, unless ``OTEL_PROPAGATORS`` names others; there are none
    while the server makes no traces.

    .. versionadded:: 0.1
    """
    return _Current.tracer.headers()
