"""The schemas of the settings file; a plugin's own keys are checked by the plugin's schema."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from marshmallow import (
    INCLUDE,
    RAISE,
    Schema,
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from orchestrator_core.settings.deadlines import ASSIGNMENT_DEADLINES, CLOUD_DEADLINES
from orchestrator_core.settings.faults import nearest
from orchestrator_core.settings.model import (
    AssignmentSettings,
    AuthSettings,
    BreakerSettings,
    CacheSettings,
    CloudSettings,
    ExtensionSettings,
    OrphanSettings,
    PluginSettings,
    ServerSettings,
    StateSettings,
    TlsSettings,
)
from orchestrator_core.settings.paths import PathField
from orchestrator_core.settings.secrets import SecretField
from orchestrator_core.settings.token_strength import weakness

DEFAULT: Final = "default"
"""The name under which the API serves the default cloud; it is reserved."""

NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""The valid names of clouds, which are also path segments."""

_BIND = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(?P<port>\d{1,5})|unix:[^\0]+")
_LAST_PORT = 65_535
_ROOT_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")


def check_name(name: str) -> None:
    """Refuse a name that cannot be one segment of a path.

    Raises:
        ValidationError: with a description of valid names.
    """
    if not NAME.fullmatch(name) or set(name) == {"."}:
        raise ValidationError("a name has 1 to 64 of A-Z a-z 0-9 . _ - and is not only dots")
    if name == DEFAULT:
        raise ValidationError(f'"{DEFAULT}" is reserved for the default cloud')


def check_bind(address: str) -> None:
    """Refuse an address on which no server can listen.

    Raises:
        ValidationError: with a description of valid addresses.
    """
    found = _BIND.fullmatch(address)
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        raise ValidationError('must be "HOST:PORT" or "unix:PATH"')


def _check_root_path(path: str) -> None:
    if path and not _ROOT_PATH.fullmatch(path):
        raise ValidationError('must be a path such as "/clouds", without a final slash')


def _check_proxies(text: str) -> None:
    try:
        for address in text.split(","):
            if address.strip() != "*":
                ipaddress.ip_network(address.strip())
    except ValueError:
        raise ValidationError(
            'must be "*", or addresses and networks separated by commas: "127.0.0.1, 10.0.0.0/8"'
        ) from None


def _check_caller(name: str) -> None:
    if not name.strip() or not name.isprintable():
        raise ValidationError("a caller's name is a printable text")


def _seconds(**kwargs: Any) -> fields.Float:
    return fields.Float(
        validate=validate.Range(min=0, min_inclusive=False, max=86_400), allow_nan=False, **kwargs
    )


def _count(low: int, high: int) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(low, high))


def _one_of(*options: str) -> Callable[[str], None]:
    def check(word: str) -> None:
        if word not in options:
            hint = nearest(word, options)
            raise ValidationError(f'"{word}" must be one of: {", ".join(options)}{hint}')

    return check


def _words() -> fields.List[str]:
    return fields.List(fields.String(validate=validate.Length(min=1)))


class TlsSchema(Schema):
    """``[server.tls]``; paths are relative to the settings file."""

    certificate = PathField(required=True)
    key = PathField(required=True)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> TlsSettings:
        return TlsSettings(**data)


class ServerSchema(Schema):
    """``[server]``."""

    bind = fields.String(validate=check_bind)
    socket_mode = _count(0, 0o777)
    tls = fields.Nested(TlsSchema)
    hosts = _words()
    workers = _count(1, 1024)
    header_timeout = _seconds()
    body_timeout = _seconds()
    keepalive = _count(0, 3600)
    max_body = _count(1024, 1 << 30)
    limit_request_line = _count(256, 65_536)
    limit_request_fields = _count(8, 1000)
    limit_request_field_size = _count(256, 65_536)
    limit_request_head = _count(1024, 1 << 20)
    max_requests_per_caller = _count(1, 1_000_000)
    max_connections_per_address = _count(1, 1_000_000)
    graceful_timeout = _count(1, 86_400)
    root_path = fields.String(validate=_check_root_path)
    forwarded_allow_ips = fields.String(validate=_check_proxies)
    log_format = fields.String(validate=_one_of("console", "json"))
    log_level = fields.String(validate=_one_of("debug", "info", "warning", "error"))

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ServerSettings:
        return ServerSettings(**{**data, "hosts": tuple(data.get("hosts", ()))})


class AuthSchema(Schema):
    """``[auth]``."""

    mode = fields.String(validate=_one_of("none", "token"))
    tokens = fields.Dict(keys=fields.String(validate=_check_caller), values=SecretField(keep=True))
    allow_weak_tokens = fields.Boolean(truthy={True}, falsy={False})

    @validates_schema
    def _tokens_when_asked(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("mode") == "token" and not data.get("tokens"):
            raise ValidationError(
                'mode "token" needs at least one: ops = "env:OPS_TOKEN"', "tokens"
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
                wrong[name] = [f"the token {why}; allow_weak_tokens = true takes it, for a test"]
            seen.setdefault(token, name)
        if wrong:
            raise ValidationError({"tokens": wrong})

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> AuthSettings:
        return AuthSettings(**data)


class PluginsSchema(Schema):
    """``[plugins]``."""

    allow = _words()
    deny = _words()
    require = _words()

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> PluginSettings:
        return PluginSettings(**{key: tuple(words) for key, words in data.items()})


class StateSchema(Schema):
    """``[state]``."""

    url = SecretField(required=True, allow_plain=True, keep=True)  # it may contain a password
    process_timeout = fields.Float(validate=validate.Range(1, 3600), allow_nan=False)
    retention = fields.Float(validate=validate.Range(0), allow_nan=False)
    idempotency_retention = fields.Float(validate=validate.Range(0), allow_nan=False)
    worker = fields.Boolean(truthy={True}, falsy={False})
    concurrency = _count(1, 1024)
    retry_delay = _seconds()
    max_retry_delay = _seconds()
    orphan_scan_interval = fields.Float(validate=validate.Range(0.1, 86_400), allow_nan=False)
    clock_jump = fields.Float(validate=validate.Range(5, 86_400), allow_nan=False)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> StateSettings:
        return StateSettings(**data)


class _PluggedSchema(Schema):
    """A section whose remaining keys belong to a plugin."""

    class Meta:
        """Options that keep other keys."""

        unknown = INCLUDE

    threads = _count(1, 256)
    queue = _count(0, 100_000)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _misspelt(self, data: Mapping[str, Any], original: Any, **_: Any) -> None:
        if not isinstance(original, Mapping):
            return  # reported by the schema itself
        missing = [key for key, f in self.fields.items() if f.required and key not in original]
        for key in original:
            hint = nearest(key, missing)
            if key not in self.fields and hint:
                raise ValidationError(f"unknown key{hint}", key)

    def own(self, data: dict[str, Any]) -> dict[str, Any]:
        known = {key: value for key, value in data.items() if key in self.fields}
        rest = {key: value for key, value in data.items() if key not in self.fields}
        return {**known, "plugin": rest}


class BreakerSchema(Schema):
    """``[clouds.NAME.breaker]``."""

    failures = _count(1, 1000)
    seconds = _seconds()

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> BreakerSettings:
        return BreakerSettings(**data)


class OrphanSchema(Schema):
    """``[clouds.NAME.orphans]``."""

    destroy = fields.Boolean(truthy={True}, falsy={False})
    times = _count(1, 1_000_000)
    age = fields.Float(validate=validate.Range(0), allow_nan=False)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> OrphanSettings:
        return OrphanSettings(**data)


class CacheSchema(Schema):
    """``[clouds.NAME.cache]``; nodes are never cached."""

    images = fields.Float(validate=validate.Range(0, 86_400), allow_nan=False)
    sizes = fields.Float(validate=validate.Range(0, 86_400), allow_nan=False)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> CacheSettings:
        return CacheSettings(**data)


def _deadlines(operations: Mapping[str, float]) -> fields.Dict:
    return fields.Dict(keys=fields.String(validate=_one_of(*sorted(operations))), values=_seconds())


class CloudSchema(_PluggedSchema):
    """``[clouds.NAME]``, the core's keys."""

    driver = fields.String(required=True, validate=validate.Length(min=1))
    assignment = fields.String()
    provider_label = fields.String(validate=validate.Length(min=1, max=64))
    retries = _count(0, 20)
    hints = fields.Boolean(truthy={True}, falsy={False})
    breaker = fields.Nested(BreakerSchema)
    cache = fields.Nested(CacheSchema)
    deadlines = _deadlines(CLOUD_DEADLINES)
    destroy = fields.String(validate=_one_of("own", "all"))
    destroys_per_hour = _count(0, 1_000_000)
    max_concurrent_changes = _count(1, 100_000)
    visibility_timeout = fields.Float(validate=validate.Range(0, 86_400), allow_nan=False)
    orphans = fields.Nested(OrphanSchema)
    release_wait = fields.Float(validate=validate.Range(0, 3600), allow_nan=False)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> CloudSettings:
        return CloudSettings(name="", **self.own(data))


class AssignmentSchema(_PluggedSchema):
    """``[assignments.NAME]``, the core's keys."""

    backend = fields.String(required=True, validate=validate.Length(min=1))
    retries = _count(0, 20)
    breaker = fields.Nested(BreakerSchema)
    deadlines = _deadlines(ASSIGNMENT_DEADLINES)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> AssignmentSettings:
        return AssignmentSettings(name="", **self.own(data))


class ExtensionSchema(_PluggedSchema):
    """``[extensions.NAME]``, the core's keys."""

    extension = fields.String(required=True, validate=validate.Length(min=1))
    on_failure = fields.String(validate=_one_of("deny", "log"))
    deadline = _seconds()

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ExtensionSettings:
        return ExtensionSettings(name="", **self.own(data))


class SettingsSchema(Schema):
    """The whole settings file."""

    class Meta:
        """Options that make other keys an error."""

        unknown = RAISE

    default_cloud = fields.String()
    server = fields.Nested(ServerSchema)
    auth = fields.Nested(AuthSchema)
    plugins = fields.Nested(PluginsSchema)
    state = fields.Nested(StateSchema)
    clouds = fields.Dict(keys=fields.String(validate=check_name), values=fields.Nested(CloudSchema))
    assignments = fields.Dict(
        keys=fields.String(validate=check_name), values=fields.Nested(AssignmentSchema)
    )
    extensions = fields.Dict(
        keys=fields.String(validate=check_name), values=fields.Nested(ExtensionSchema)
    )
    allow_removal = fields.List(fields.String(validate=_one_of("auth", "state", "clouds")))
