"""The validated and immutable settings that the rest of the core uses.

The meaning of each key stands beside its field in the schemas (``schema.py`` and its neighbours),
from which ``make pages`` writes the settings reference; the defaults stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from orchestrator_core.settings.secrets import Secret


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The PEM files of the server's certificate chain and of its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The addresses and limits of the HTTP server, with all times in seconds."""

    bind: str = "127.0.0.1:5050"
    socket_mode: int = 0o660
    tls: TlsSettings | None = None
    hosts: tuple[str, ...] = ()
    workers: int = 2
    header_timeout: float = 10.0
    body_timeout: float = 30.0
    keepalive: int = 5
    max_body: int = 1_048_576
    limit_request_line: int = 4094
    limit_request_fields: int = 64
    limit_request_field_size: int = 8190
    limit_request_head: int = 32_768
    max_requests_per_caller: int = 512
    max_connections_per_address: int = 1024
    graceful_timeout: int | None = None
    root_path: str = ""
    forwarded_allow_ips: str | None = None
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    access_log: bool = True


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """The callers that may use the API."""

    mode: Literal["none", "token"] = "none"
    tokens: Mapping[str, Secret] = field(default_factory=dict)
    allow_weak_tokens: bool = False


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """The measurements that ``/metrics`` shows, and who may read them."""

    enabled: bool = True
    token: Secret | None = None
    bind: str | None = None


@dataclass(frozen=True, slots=True)
class TracesSettings:
    """The traces that OpenTelemetry sends; what is None is left to its own variables."""

    enabled: bool = False
    endpoint: str | None = None
    sample: float | None = None
    service_name: str | None = None


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """The plugins that may load, by distribution or entry-point name."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    require: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateSettings:
    """The database of operations, assignments and keys, with all times in seconds."""

    url: Secret
    process_timeout: float = 30.0
    retention: float = 30 * 86_400.0
    idempotency_retention: float = 86_400.0
    worker: bool = True
    concurrency: int = 16
    retry_delay: float = 1.0
    max_retry_delay: float = 60.0
    orphan_scan_interval: float = 300.0
    clock_jump: float = 300.0


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """The circuit breaker of a cloud that keeps failing."""

    failures: int = 5
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """The seconds for which answers that seldom change are cached; 0 turns caching off."""

    images: float = 0.0
    sizes: float = 0.0


@dataclass(frozen=True, slots=True)
class OrphanSettings:
    """The conditions for destroying an orphan; by default none is destroyed."""

    destroy: bool = False
    times: int = 5
    age: float = 86_400.0


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """One ``[clouds.NAME]``; ``plugin`` holds the keys that the driver's own schema checks.

    Attributes:
        assignment: None if the file does not say. With ``[state]``, the clouds made from these
            settings have ``given``.
        destroy: None if the file does not say. The clouds made from these settings have ``own`` or
            ``all``.
        start: the defaults of the optional fields of a start, as JSON with secrets, by name.
    """

    name: str
    driver: str
    assignment: str | None = None
    provider_label: str | None = None
    threads: int = 8
    queue: int = 256
    retries: int = 2
    hints: bool = False
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    deadlines: Mapping[str, float] = field(default_factory=dict)
    destroy: Literal["own", "all"] | None = None
    destroys_per_hour: int | None = None
    max_concurrent_changes: int | None = None
    visibility_timeout: float = 120.0
    release_wait: float = 30.0
    orphans: OrphanSettings = field(default_factory=OrphanSettings)
    start: Mapping[str, Any] = field(default_factory=dict)
    start_options: tuple[str, ...] = ()
    plugin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AssignmentSettings:
    """One ``[assignments.NAME]``; ``plugin`` holds the keys that the backend's schema checks."""

    name: str
    backend: str
    threads: int = 8
    queue: int = 256
    retries: int = 2
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    deadlines: Mapping[str, float] = field(default_factory=dict)
    plugin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExtensionSettings:
    """One ``[extensions.NAME]``; ``plugin`` holds the keys that the extension's schema checks."""

    name: str
    extension: str
    on_failure: Literal["deny", "log"] = "deny"
    deadline: float = 5.0
    threads: int = 8
    queue: int = 256
    plugin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of an installation.

    Attributes:
        file: the file that was read; None without a file.
        state: the settings of the database; None without a database.
        allow_removal: the sections that a reload may remove: ``auth``, ``state``, ``clouds``.
        origins: the environment variable of each key that came from one, by the key's path.
    """

    default_cloud: str | None = None
    server: ServerSettings = field(default_factory=ServerSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    traces: TracesSettings = field(default_factory=TracesSettings)
    plugins: PluginSettings = field(default_factory=PluginSettings)
    clouds: Mapping[str, CloudSettings] = field(default_factory=dict)
    assignments: Mapping[str, AssignmentSettings] = field(default_factory=dict)
    extensions: Mapping[str, ExtensionSettings] = field(default_factory=dict)
    state: StateSettings | None = None
    allow_removal: tuple[str, ...] = ()
    file: Path | None = None
    origins: Mapping[tuple[str, ...], str] = field(default_factory=dict)
