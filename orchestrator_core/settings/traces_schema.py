"""The schema of the section about traces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, validate, validates_schema

from orchestrator_core.settings.model import TracesSettings
from orchestrator_core.settings.opentelemetry import (
    REMEDY,
    exporter_names,
    find_exporter,
    is_disabled,
    is_installed,
    missing_exporter,
)
from orchestrator_core.settings.schema_fields import SectionSchema, flag, text


def check_endpoint(url: str) -> None:
    """Refuse a text that is no address of a collector, or that contains a password.

    Raises:
        ValidationError: with a description of valid addresses.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment:
        raise ValidationError("must be http://HOST:PORT or https://HOST:PORT")
    if "@" in parts.netloc:
        raise ValidationError(
            "must not contain a password; the variable OTEL_EXPORTER_OTLP_HEADERS takes one"
        )


class TracesSchema(SectionSchema):
    """The traces that OpenTelemetry sends to a collector, with the extra `traces` of the package.

    OpenTelemetry's own variables (`OTEL_...`) set everything that this section does not.
    """

    model = TracesSettings

    enabled = flag(
        "Whether requests, calls and operations are traced. `OTEL_SDK_DISABLED=true` turns it off."
    )
    endpoint = text(
        "The address of the collector, for OTLP over HTTP.",
        validate=check_endpoint,
        allowed="`http://HOST:PORT` or `https://HOST:PORT`, without `/v1/traces`",
        default="`OTEL_EXPORTER_OTLP_ENDPOINT`, or `http://localhost:4318`",
    )
    sample = fields.Float(
        validate=validate.Range(0, 1),
        allow_nan=False,
        metadata={
            "description": "The part of the traces that is recorded. A request that is part of a "
            "caller's trace is recorded if the caller's span is.",
            "unit": "share of the traces",
            "allowed": "0 to 1",
            "default": "`OTEL_TRACES_SAMPLER`, or 1",
        },
    )
    service_name = text(
        "The name of this service in traces.",
        validate=validate.Length(min=1),
        default='`OTEL_SERVICE_NAME`, or `"orchestrator"`',
    )

    @validates_schema(skip_on_field_errors=True)
    def _installed(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("enabled") and not is_installed():
            raise ValidationError(f"needs packages that are not installed: {REMEDY}", "enabled")
        if data.get("enabled") and not is_disabled():
            missing = [name for name in exporter_names() if find_exporter(name) is None]
            if missing:
                raise ValidationError(missing_exporter(missing[0]), "enabled")
