"""OpenTelemetry's own variables, as far as the settings depend on them, and its packages.

Nothing here imports OpenTelemetry.
"""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Final

REMEDY: Final = "pip install 'vm-orchestrator[traces]'"

HTTP_EXPORTER: Final = "otlp_proto_http"
"""The name of the exporter for OTLP over HTTP."""

_MODULES: Final = (
    "opentelemetry.sdk.trace",
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.instrumentation.asgi",
)

_GROUP: Final = "opentelemetry_traces_exporter"
_OTLP: Final = "otlp"
_HTTP: Final = "http/protobuf"


def is_installed() -> bool:
    """Return whether the packages of the extra ``traces`` are installed."""
    try:
        return all(find_spec(name) is not None for name in _MODULES)
    except ImportError:
        return False


def is_disabled() -> bool:
    """Return whether ``OTEL_SDK_DISABLED`` turns OpenTelemetry off."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def exporter_names() -> list[str]:
    """Return the names of the exporters that ``OTEL_TRACES_EXPORTER`` asks for.

    Without it, the only one is for OTLP over the protocol that its own variables name.
    """
    names = os.environ.get("OTEL_TRACES_EXPORTER", _OTLP).split(",")
    return [
        _otlp_name() if name.strip() == _OTLP else name.strip()
        for name in names
        if name.strip() not in ("", "none")
    ]


def find_exporter(name: str) -> EntryPoint | None:
    """Return the entry point of an exporter; None if it is not installed."""
    return next(iter(entry_points(group=_GROUP, name=name)), None)


def missing_exporter(name: str) -> str:
    """Return what is wrong if an exporter is not installed, and what to do."""
    return (
        f"OpenTelemetry's variables name the exporter {name!r}, which is not installed; install "
        "its package, or unset OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_PROTOCOL"
    )


def _otlp_name() -> str:
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", _HTTP
    )
    return HTTP_EXPORTER if protocol == _HTTP else f"otlp_proto_{protocol}"
