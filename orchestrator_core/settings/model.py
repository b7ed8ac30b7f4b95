"""The settings as the rest of the core sees them: validated and immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from orchestrator_core.settings.secrets import Secret


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """PEM files of the server's certificate, with those that vouch for it, and of its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the HTTP server listens and what it puts up with. Times in seconds.

    Attributes:
        socket_mode: permissions of the file of a Unix socket.
        tls: None to speak plain HTTP.
        limit_request_line: bytes of a request's first line, as gunicorn's setting of that name.
        limit_request_fields: how many header fields a request may have.
        limit_request_field_size: bytes of one of them.
        limit_request_head: bytes of the first line and all header fields together.
        hosts: names that a server without authentication serves beside those of this machine.
        root_path: the path below which a proxy serves this server, where the proxy itself does
            not send it as ``X-Forwarded-Prefix``; it begins the ``Location`` of an answer.
        max_requests_per_caller: how many requests of one caller may be in flight in one process.
        max_connections_per_address: how many connections of one address one process keeps; those
            of proxies in ``forwarded_allow_ips`` are not counted.
        forwarded_allow_ips: the proxies whose ``X-Forwarded-*`` headers count: addresses and
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
    """Who may call.

    Attributes:
        tokens: a caller's name to that caller's token.
        allow_weak_tokens: whether tokens that can be guessed are taken.
    """

    mode: Literal["none", "token"] = "none"
    tokens: Mapping[str, Secret] = field(default_factory=dict)
    allow_weak_tokens: bool = False


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """Which plugins may load, by distribution or entry-point name."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    require: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateSettings:
    """Where operations, assignments and keys are kept, and for how long. Times in seconds.

    Attributes:
        url: ``sqlite:///PATH`` or ``postgresql+psycopg://USER@HOST/DATABASE``.
        lease: how long a process may be silent before its work is taken over.
        keep: how long finished rows are kept.
        keep_keys: how long an Idempotency-Key is kept.
        worker: whether ``orchestrator serve`` runs a durable worker beside the web workers.
        slots: how many operations one durable worker carries out at the same time.
        pause: until the second attempt of an operation; each later pause is twice as long ...
        longest_pause: ... up to this.
        look: how often each cloud is looked through for VMs that nobody owns.
        clock_jump: by how much the database's clock may jump against that of a machine; after a
            larger jump no lease ends until an operator has confirmed it.
    """

    url: Secret
    lease: float = 30.0
    keep: float = 30 * 86_400.0
    keep_keys: float = 86_400.0
    worker: bool = True
    slots: int = 16
    pause: float = 1.0
    longest_pause: float = 60.0
    look: float = 300.0
    clock_jump: float = 300.0


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a cloud that keeps failing is left alone.

    Attributes:
        failures: how many in a row it takes.
        seconds: how long, at first.
    """

    failures: int = 5
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """How many seconds answers that seldom change may be kept; 0 keeps none."""

    images: float = 0.0
    sizes: float = 0.0


@dataclass(frozen=True, slots=True)
class OrphanSettings:
    """When a VM that nobody owns is destroyed; by itself none is.

    Attributes:
        destroy: whether one is at all.
        times: how many complete listings must have shown it.
        age: for how many seconds it must have been known.
    """

    destroy: bool = False
    times: int = 5
    age: float = 86_400.0


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """One ``[clouds.NAME]``; ``plugin`` holds what the driver's own schema checks.

    Attributes:
        threads: how many calls may be in this cloud at the same time.
        queue: how many more may wait for a thread.
        retries: how often a read is repeated that failed in a way that may pass.
        hints: whether what callers write into ``X-Cloud-Hints`` reaches the driver.
        deadlines: seconds by operation, where they differ from the defaults.
        destroy: ``own`` where only VMs that were started or adopted here may be destroyed, ``all``
            where any may. None in what was read from a file that does not say; the clouds that are
            made of it have one of the two: ``own``, save where the driver is a simulation.
        destroys_per_hour: how many VMs may be destroyed within an hour; None for any number.
        changes: how many operations may be under way at the same time, over all
            processes and machines; None for any number.
        visibility: seconds after which everything that exists shows in its lists.
        release_wait: seconds that a release waits for the VM to be gone.
        orphans: what becomes of VMs that carry our marker and that nobody owns.
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
    changes: int | None = None
    visibility: float = 120.0
    release_wait: float = 30.0
    orphans: OrphanSettings = field(default_factory=OrphanSettings)
    plugin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AssignmentSettings:
    """One ``[assignments.NAME]``; ``plugin`` holds what the backend's own schema checks."""

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
    """One ``[extensions.NAME]``; ``plugin`` holds what the extension's own schema checks.

    Attributes:
        on_failure: whether a call is denied or only a line logged when the extension
            itself fails or takes too long.
        deadline: seconds that it may take for one call.
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
    """Everything an operator can set.

    Attributes:
        file: where it was read from; None when there was no file.
        state: None when nothing is kept.
        allow_removal: the sections that a reload may find gone: ``auth``, ``state``, ``clouds``.
        origins: which environment variable gave a key, by the key's path.
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
