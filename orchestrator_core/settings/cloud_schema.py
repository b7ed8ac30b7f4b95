"""Schemas of ``[clouds.NAME]``, ``[assignments.NAME]`` and ``[extensions.NAME]``.

A plugin's own schema checks the remaining keys of such a section.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import INCLUDE, ValidationError, fields, validate, validates_schema

from orchestrator_core.settings.deadlines import ASSIGNMENT_DEADLINES, CLOUD_DEADLINES
from orchestrator_core.settings.faults import nearest
from orchestrator_core.settings.model import (
    AssignmentSettings,
    BreakerSettings,
    CacheSettings,
    CloudSettings,
    ExtensionSettings,
    OrphanSettings,
)
from orchestrator_core.settings.schema_fields import (
    OneOf,
    SectionSchema,
    choice,
    count,
    duration,
    flag,
    text,
    words,
)
from orchestrator_core.settings.secrets import LongTextField, SecretMapping
from orchestrator_core.validation.start_fields import StartFieldsSchema

_NAME_A_PLUGIN: Final = 'name a plugin that "orchestrator plugins" lists, as in {key} = "{name}"'
_NOT_EMPTY: Final = validate.Length(min=1)


class _PluggedSchema(SectionSchema):
    """A section whose remaining keys belong to a plugin."""

    class Meta:
        """Options that keep other keys."""

        unknown = INCLUDE

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _misspelt(self, data: Mapping[str, Any], original: Any, **_: Any) -> None:
        if not isinstance(original, Mapping):
            return  # reported by the schema itself
        missing = [key for key, f in self.fields.items() if f.required and key not in original]
        for key in original:
            hint = nearest(key, missing)
            if key not in self.fields and hint:
                raise ValidationError(f"unknown key{hint}", key)

    def arguments(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of the model; a plugin's keys go into ``plugin``."""
        known = {key: value for key, value in data.items() if key in self.fields}
        rest = {key: value for key, value in data.items() if key not in self.fields}
        return {"name": "", **known, "plugin": rest}


class BreakerSchema(SectionSchema):
    """The circuit breaker: a cloud or backend that keeps failing is not called for a while."""

    model = BreakerSettings

    failures = count(
        1, 1000, "calls", "The calls in a row without an answer that open the circuit."
    )
    seconds = duration(
        "The time for which the circuit stays open at first. It doubles each time that the next "
        "call fails too, up to eight times this value."
    )


class OrphanSchema(SectionSchema):
    """The treatment of orphans: VMs with this installation's marker that no record owns."""

    model = OrphanSettings

    destroy = flag("Whether orphans are destroyed. Otherwise they are only reported.")
    times = count(
        1, 1_000_000, "listings", "The number of complete listings that must have shown an orphan."
    )
    age = duration("The time for which an orphan must have been known.", low=0, high=None)


class CacheSchema(SectionSchema):
    """The caching of lists that seldom change. Nodes are never cached."""

    model = CacheSettings

    images = duration("The time for which a list of images is cached; 0 for never.", low=0)
    sizes = duration("The time for which a list of sizes is cached; 0 for never.", low=0)


class StartDefaultsSchema(StartFieldsSchema):
    """Defaults of the optional fields of a start.

    A caller's value replaces the default; in `root_disk`, `tags`, `metadata` and `options` each key
    by itself. A default is not used beside a field of the caller that excludes it.
    """

    user_data = LongTextField(
        metadata={
            "description": "The text for the VM's init system (cloud-init); `file:PATH` for the "
            "content of a file.",
            "toml_type": "text or reference",
        },
    )
    options = SecretMapping(
        metadata={
            "description": "Parameters of the driver itself, such as a resource group or a "
            "cluster. Callers cannot give them unless `start_options` names them."
        }
    )


def _threads() -> fields.Integer:
    return count(1, 256, "calls", "The most calls at the same time in one process.")


def _queue() -> fields.Integer:
    return count(0, 100_000, "calls", "The most calls that wait for a thread; more get status 503.")


def _retries() -> fields.Integer:
    return count(0, 20, "retries", "The times that a read is retried after a temporary error.")


def _deadlines(operations: Mapping[str, float]) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(validate=OneOf(sorted(operations))),
        values=duration("The deadline of this operation."),
        metadata={
            "description": "The time for each operation, queueing and retries included.",
            "keys": operations,
        },
    )


class CloudSchema(_PluggedSchema):
    """One cloud. NAME is what callers write in the path.

    The driver's own keys stand in the same section; the page of the plugin lists them.
    """

    model = CloudSettings

    driver = text(
        "The plugin that drives this cloud. `orchestrator plugins` lists the installed ones.",
        validate=_NOT_EMPTY,
        missing=_NAME_A_PLUGIN.format(key="driver", name="libcloud"),
    )
    assignment = text(
        "The section `[assignments.NAME]` of the backend that assigns and releases its VMs.",
        default="`given` with `[state]`, else none",
    )
    provider_label = text(
        "The provider's name in answers. The `uuid` of a node depends on it.",
        validate=validate.Length(min=1, max=64),
        default="the provider's own name",
    )
    threads = _threads()
    queue = _queue()
    retries = _retries()
    hints = flag("Whether the `X-Cloud-Hints` of callers are passed to the driver.")
    destroy = choice(
        "own",
        "all",
        description="The VMs that a stop or a release may destroy: `own` for those that were "
        "started or adopted here, which needs `[state]`; `all` for any. See "
        "[VMs that are destroyed](../explanation/exactly-once.md#vms-that-are-destroyed).",
        default='`"own"`; `"all"` for a simulated cloud such as `dummy`',
    )
    destroys_per_hour = count(
        0, 1_000_000, "VMs", "The most VMs destroyed within an hour.", default="no limit"
    )
    max_concurrent_changes = count(
        1,
        100_000,
        "operations",
        "The most operations in progress at the same time, over all processes and machines.",
        default="no limit",
    )
    visibility_timeout = duration(
        "The time after which the cloud's lists show every VM that exists. Within it, a read shows "
        "a VM that was just started as pending, and a change of the VM waits for it.",
        low=0,
    )
    release_wait = duration(
        "The time for which a release waits until the VM is gone.", low=0, high=3600
    )
    deadlines = _deadlines(CLOUD_DEADLINES)
    breaker = fields.Nested(BreakerSchema)
    cache = fields.Nested(CacheSchema)
    orphans = fields.Nested(OrphanSchema)
    start = fields.Nested(StartDefaultsSchema)
    start_options = words(
        "The parameters of the driver that callers may give in `options`. The page of the plugin "
        "says what its `options` are."
    )


class AssignmentSchema(_PluggedSchema):
    """One assignment backend: it decides which user gets which VM.

    The backend's own keys stand in the same section; the page of the plugin lists them.
    """

    model = AssignmentSettings

    backend = text(
        "The plugin of this backend. `given` is part of the core: it assigns any existing VM and "
        "needs `[state]`.",
        validate=_NOT_EMPTY,
        missing=_NAME_A_PLUGIN.format(key="backend", name="given"),
    )
    threads = _threads()
    queue = _queue()
    retries = _retries()
    deadlines = _deadlines(ASSIGNMENT_DEADLINES)
    breaker = fields.Nested(BreakerSchema)


class ExtensionSchema(_PluggedSchema):
    """One extension: it can deny or change each call. Extensions run in the order of the file.

    The extension's own keys stand in the same section; the page of the plugin lists them.
    """

    model = ExtensionSettings

    extension = text(
        "The plugin of this extension.",
        validate=_NOT_EMPTY,
        missing=_NAME_A_PLUGIN.format(key="extension", name="audit"),
    )
    on_failure = choice(
        "deny",
        "log",
        description="What happens when the extension itself fails or takes too long: the call is "
        "denied, or only a line is logged.",
    )
    deadline = duration("The time that the extension may take for one call.")
    threads = _threads()
    queue = _queue()
