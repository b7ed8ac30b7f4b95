"""Schemas of the sections about the server itself, not about its clouds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from orchestrator_core.settings.model import (
    AuthSettings,
    MetricsSettings,
    PluginSettings,
    ServerSettings,
    StateSettings,
    TlsSettings,
)
from orchestrator_core.settings.paths import PathField
from orchestrator_core.settings.schema_fields import (
    SectionSchema,
    check_bind,
    check_caller,
    check_proxies,
    check_root_path,
    check_tcp_bind,
    choice,
    count,
    duration,
    flag,
    text,
    words,
)
from orchestrator_core.settings.secrets import SecretField
from orchestrator_core.settings.token_strength import weakness

_WEAK: Final = "the token {why}; replace it with the output of openssl rand -hex 32"
_ACCEPTED: Final = " ([auth] allow_weak_tokens = true accepts it, for a test)"


_BOTH: Final = "Missing; [server.tls] needs both certificate and key."
_EXAMPLE_URL: Final = 'for one machine, add url = "sqlite:///var/orchestrator.db"'


class TlsSchema(SectionSchema):
    """The certificate of the server. Without this section it serves plain HTTP.

    A reload reads the files again.
    """

    model = TlsSettings

    certificate = PathField(
        required=True,
        error_messages={"required": _BOTH},
        metadata={"description": "The PEM file of the certificate chain, own certificate first."},
    )
    key = PathField(
        required=True,
        error_messages={"required": _BOTH},
        metadata={"description": "The PEM file of the certificate's private key."},
    )


class ServerSchema(SectionSchema):
    """The address, the limits and the log of the HTTP server."""

    model = ServerSettings

    bind = text(
        "The address to listen on. An address other than loopback needs `[auth]` with tokens.",
        validate=check_bind,
        allowed="`HOST:PORT` or `unix:PATH`",
    )
    socket_mode = count(
        0, 0o777, "permission bits", "The permissions of the file of a Unix socket.",
        default="`0o660`", allowed="`0o000` to `0o777`",
    )  # fmt: skip
    tls = fields.Nested(TlsSchema)
    hosts = words(
        "Further names that a server without tokens serves. Loopback addresses, names without a "
        "dot and names below `.localhost` are always served. All others are refused, so that a web "
        "page cannot reach the server under a name of its own (DNS rebinding)."
    )
    workers = count(1, 1024, "processes", "The number of web workers. One for each core is enough.")
    header_timeout = duration("The time for a request's headers to arrive.")
    body_timeout = duration(
        "The time for a request's body to arrive, and the time that a client may pause while it "
        "reads an answer."
    )
    keepalive = count(0, 3600, "seconds", "The time for which an idle connection stays open.")
    max_body = count(
        1024, 1 << 30, "bytes", "The largest request body; a larger one gets status 413."
    )
    limit_request_line = count(
        256, 65_536, "bytes", "The longest first line of a request; a longer one gets status 414."
    )
    limit_request_fields = count(
        8, 1000, "fields", "The most header fields of a request; more of them get status 431."
    )
    limit_request_field_size = count(
        256, 65_536, "bytes", "The longest header field; a longer one gets status 431."
    )
    limit_request_head = count(
        1024, 1 << 20, "bytes", "The most bytes of the first line and all header fields together."
    )
    max_requests_per_caller = count(
        1,
        1_000_000,
        "requests",
        "The most requests of one caller in progress in one process; more get status 429.",
    )
    max_connections_per_address = count(
        1,
        1_000_000,
        "connections",
        "The most connections of one address to one process. Connections of proxies in "
        "`forwarded_allow_ips` are not counted.",
    )
    graceful_timeout = count(
        1,
        86_400,
        "seconds",
        "The time to finish the requests in progress when the server stops.",
        default="the longest deadline of all clouds and backends, plus 5",
    )
    root_path = text(
        "The path below which a proxy serves this server, if the proxy does not send it as "
        "`X-Forwarded-Prefix`. The `Location` of an answer begins with it.",
        validate=check_root_path,
        allowed="a path such as `/clouds`, without a final slash",
    )
    forwarded_allow_ips = text(
        "The proxies whose `X-Forwarded-For`, `X-Forwarded-Prefix` and `X-Forwarded-Proto` are "
        "trusted.",
        validate=check_proxies,
        allowed="addresses and networks separated by commas, or `*` for all",
        default='`"127.0.0.1,::1"`',
    )
    log_format = choice("console", "json", description="The form of the log lines.")
    log_level = choice(
        "debug", "info", "warning", "error", description="The least important level that is logged."
    )
    access_log = flag(
        "Whether each request is logged in a line `request`, at level `info`. Requests for "
        "`/health` and `/metrics` are logged at level `debug`."
    )


class AuthSchema(SectionSchema):
    """The callers that may use the API."""

    model = AuthSettings

    mode = choice(
        "none",
        "token",
        description="`none` serves every caller, on loopback only. `token` requires one of "
        "`tokens` as `Authorization: Bearer TOKEN` or `X-Auth-Token: TOKEN`.",
    )
    tokens = fields.Dict(
        keys=fields.String(validate=check_caller),
        values=SecretField(keep=True),
        error_messages={
            "invalid": "must be a section [auth.tokens] with a line for each caller, whose name is "
            'yours to choose, such as ops = "env:OPS_TOKEN"'
        },
        metadata={
            "description": "The token of each caller, by the caller's name: "
            '`ops = "env:OPS_TOKEN"`. The name is recorded with each change.',
            "allowed": "tokens of at least 128 bits: `openssl rand -hex 32` makes one",
        },
    )
    allow_weak_tokens = flag("Whether tokens that are easy to guess are accepted, for a test.")

    @validates_schema
    def _tokens_when_asked(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("mode") == "token" and not data.get("tokens"):
            raise ValidationError(
                'mode "token" needs at least one token: add a section [auth.tokens] with a line '
                'such as ops = "env:OPS_TOKEN"',
                "tokens",
            )
        if data.get("tokens") and data.get("mode") != "token":
            raise ValidationError('must be "token" when tokens are given', "mode")

    @validates_schema(skip_on_field_errors=True)
    def _hard_to_guess(self, data: Mapping[str, Any], **_: Any) -> None:
        seen: dict[str, str] = {}
        wrong: dict[str, list[str]] = {}
        for name, secret in data.get("tokens", {}).items():
            token = secret.reveal()
            why = None if data.get("allow_weak_tokens") else weakness(token)
            if token in seen:
                wrong[name] = [f"has the same token as {seen[token]}"]
            elif why is not None:
                wrong[name] = [f"{_WEAK.format(why=why)}{_ACCEPTED}"]
            seen.setdefault(token, name)
        if wrong:
            raise ValidationError({"tokens": wrong})


class MetricsSchema(SectionSchema):
    """The metrics of all processes of this server, which Prometheus reads at `/metrics`."""

    model = MetricsSettings

    enabled = flag("Whether metrics are recorded and served.")
    token = SecretField(
        keep=True,
        metadata={
            "description": "The token that each request for metrics needs, as `Authorization: "
            "Bearer TOKEN`. Without it, metrics are served on loopback only, and not through a "
            "proxy. The tokens of callers do not open them.",
            "allowed": "a token of at least 128 bits: `openssl rand -hex 32` makes one",
        },
    )

    bind = text(
        "An address that serves `/metrics` and nothing else, without TLS. Every client that can "
        "reach it may read them, unless `token` is set. The other address then does not serve "
        "them. An `orchestrator worker` that runs by itself serves its metrics only there.",
        validate=check_tcp_bind,
        allowed="`HOST:PORT`",
        default="`/metrics` is served with the API",
    )

    @validates_schema(skip_on_field_errors=True)
    def _hard_to_guess(self, data: Mapping[str, Any], **_: Any) -> None:
        token = data.get("token")
        why = None if token is None else weakness(token.reveal())
        if why is not None:
            raise ValidationError(_WEAK.format(why=why), "token")


class PluginsSchema(SectionSchema):
    """The plugins that may load.

    A plugin is named by its distribution (`vm-orchestrator-dummy`) or its entry point (`dummy`).
    """

    model = PluginSettings

    allow = words("Only these plugins may load.", default="every installed plugin")
    deny = words("These plugins may not load.")
    require = words("The server does not start unless these plugins have loaded.")


class StateSchema(SectionSchema):
    """The database of operations, assignments and Idempotency-Keys.

    Without this section no change is recorded: see
    [Exactly once](../explanation/exactly-once.md).
    """

    model = StateSettings

    # The URL may contain a password.
    url = SecretField(
        required=True,
        error_messages={"required": f"Missing; {_EXAMPLE_URL}"},
        allow_plain=True,
        keep=True,
        metadata={
            "description": "The database: an SQLite file (relative to the settings file) for one "
            "machine, PostgreSQL for several.",
            "allowed": "`sqlite:///PATH`, `postgresql+psycopg://USER@HOST/DATABASE`, or a "
            "reference to such a URL",
        },
    )
    process_timeout = duration(
        "The time without a heartbeat after which a process counts as dead and its operations "
        "are taken over.",
        low=1,
        high=3600,
    )
    retention = duration("The time for which finished records are kept.", low=0, high=None)
    idempotency_retention = duration(
        "The time for which an Idempotency-Key is kept.", low=0, high=None
    )
    worker = flag("Whether `orchestrator serve` runs a durable worker beside the web workers.")
    concurrency = count(
        1, 1024, "operations", "The most operations that one durable worker runs at a time."
    )
    retry_delay = duration(
        "The time until the second attempt of an operation. Each later delay is twice as long."
    )
    max_retry_delay = duration("The longest delay between two attempts of an operation.")
    orphan_scan_interval = duration("The time between two scans of a cloud for orphans.", low=0.1)
    clock_jump = duration(
        "The largest jump of the database's clock that is accepted. After a larger one no lease "
        "expires until the clock is back or an operator confirms it.",
        low=5,
    )
