"""Traces of requests, calls and operations, which OpenTelemetry sends to a collector.

- ``tracer`` is what the core calls; without traces it does nothing.
- ``recording`` is the tracer that makes spans, with OpenTelemetry, and ``provider`` sets
  OpenTelemetry up for this process.
- ``exporter`` removes secrets from spans before they are sent.

Only the modules ``recording``, ``provider`` and ``exporter`` import OpenTelemetry.
"""
