"""The validated and immutable settings that the rest of the core uses."""

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
    """The addresses and limits of the HTTP server, with all times in seconds.

    Attributes:
        socket_mode: the permissions of the file of a Unix socket.
        tls: the certificate; None to serve plain HTTP.
        limit_request_line: the most bytes of a request's first line, as gunicorn's setting of that
            name.
        limit_request_fields: the most header fields of a request.
        limit_request_field_size: the most bytes of one header field.
        limit_request_head: the most bytes of the first line and all header fields together.
        hosts: the names that a server without authentication serves besides those of this machine.
        root_path: the path below which a proxy serves this server, if the proxy does not send it as
            ``X-Forwarded-Prefix``; the ``Location`` of an answer begins with it.
        max_requests_per_caller: the most requests of one caller in flight in one process.
        max_connections_per_address: the most connections of one address to one process; those of
            proxies in ``forwarded_allow_ips`` are not counted.
        forwarded_allow_ips: the proxies whose ``X-Forwarded-*`` headers are trusted: addresses and
            networks, separated by commas, or ``*``; None for gunicorn's own default.
    """

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


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """The callers that may use the API.

    Attributes:
        tokens: the token of each caller, by the caller's name.
        allow_weak_tokens: whether tokens that are easy to guess are accepted.
    """

    mode: Literal["none", "token"] = "none"
    tokens: Mapping[str, Secret] = field(default_factory=dict)
    allow_weak_tokens: bool = False


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """The plugins that may load, by distribution or entry-point name."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    require: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateSettings:
    """The database of operations, assignments and keys, with all times in seconds.

    Attributes:
        url: ``sqlite:///PATH`` or ``postgresql+psycopg://USER@HOST/DATABASE``.
        process_timeout: the time without a heartbeat after which a process's work is taken over.
        retention: the time for which finished rows are kept.
        idempotency_retention: the time for which an Idempotency-Key is kept.
        worker: whether ``orchestrator serve`` runs a durable worker beside the web workers.
        concurrency: the number of operations that one durable worker carries out at the same time.
        retry_delay: the time until the second attempt of an operation; each later delay is twice as
            long as the one before.
        max_retry_delay: the longest delay between two attempts.
        orphan_scan_interval: the time between two scans of a cloud for orphans.
        clock_jump: the largest jump of the database's clock against a machine's clock; after a
            larger one no lease expires until an operator has confirmed it.
    """

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
    """The circuit breaker of a cloud that keeps failing.

    Attributes:
        failures: the number of consecutive failures that opens the circuit.
        seconds: the time for which the circuit is open at first.
    """

    failures: int = 5
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """The seconds for which answers that seldom change are cached; 0 turns caching off."""

    images: float = 0.0
    sizes: float = 0.0


@dataclass(frozen=True, slots=True)
class OrphanSettings:
    """The conditions for destroying an orphan; by default none is destroyed.

    Attributes:
        destroy: whether orphans are destroyed at all.
        times: the number of complete listings that must have shown the orphan.
        age: the seconds for which the orphan must have been known.
    """

    destroy: bool = False
    times: int = 5
    age: float = 86_400.0


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """One ``[clouds.NAME]``; ``plugin`` holds the keys that the driver's own schema checks.

    Attributes:
        threads: the most calls to this cloud at the same time.
        queue: the most further calls that may wait for a thread.
        retries: the number of times that a read is repeated after a temporary error.
        hints: whether the caller's ``X-Cloud-Hints`` are passed to the driver.
        deadlines: the seconds of each operation that differ from the defaults.
        destroy: ``own`` if only VMs that were started or adopted here may be destroyed, ``all`` if
            any VM may be. It is None in settings whose file does not say. The clouds made from
            these have one of the two: ``own``, except if the driver is a simulation.
        destroys_per_hour: the most VMs destroyed within an hour; None for no limit.
        max_concurrent_changes: the most operations in progress at the same time, over all processes
            and machines; None for no limit.
        visibility_timeout: the seconds after which the cloud's lists show everything that exists.
        release_wait: the seconds for which a release waits until the VM is gone.
        orphans: the treatment of VMs with this installation's marker and no owner.
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
    """One ``[extensions.NAME]``; ``plugin`` holds the keys that the extension's schema checks.

    Attributes:
        on_failure: whether a call is denied or only a line is logged when the extension itself
            fails or takes too long.
        deadline: the seconds that the extension may take for one call.
    """

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
    plugins: PluginSettings = field(default_factory=PluginSettings)
    clouds: Mapping[str, CloudSettings] = field(default_factory=dict)
    assignments: Mapping[str, AssignmentSettings] = field(default_factory=dict)
    extensions: Mapping[str, ExtensionSettings] = field(default_factory=dict)
    state: StateSettings | None = None
    allow_removal: tuple[str, ...] = ()
    file: Path | None = None
    origins: Mapping[tuple[str, ...], str] = field(default_factory=dict)
