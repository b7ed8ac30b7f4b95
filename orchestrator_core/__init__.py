"""Orchestrator: one HTTP API in front of every cloud.

The names below are the only ones of the core that a plugin may use. A test checks this closed list.
A plugin's class looks like this::

    from orchestrator_core import CloudDescription, PluginContext, hookimpl

    class Driver:
        settings_schema = DriverSettings      # a marshmallow schema

        def __init__(self, context: PluginContext, settings: dict) -> None: ...

        @hookimpl
        def describe(self) -> CloudDescription: ...
"""

from typing import TYPE_CHECKING

from orchestrator_core.context import (
    BackendContext,
    ExtensionContext,
    Inventory,
    PluginContext,
    State,
)
from orchestrator_core.deadline import Deadline
from orchestrator_core.deprecation import DeprecatedName, deprecated_names
from orchestrator_core.errors import (
    CircuitOpen,
    CloudBusy,
    CloudError,
    CloudTimeout,
    CloudUnavailable,
    CloudUnreachable,
    Conflict,
    CredentialsRefused,
    Forbidden,
    ImageNotFound,
    InvalidAnswer,
    InvalidParameter,
    LocationNotFound,
    NodeNotFound,
    NotFound,
    OrchestratorError,
    PluginError,
    QuotaExceeded,
    RateLimited,
    Refused,
    RequestError,
    SizeNotFound,
    StateUnavailable,
    Unsupported,
)
from orchestrator_core.hookspecs import hookimpl
from orchestrator_core.model import (
    AssignmentResult,
    AssignRequest,
    Call,
    CloudDescription,
    Firewall,
    Image,
    ImageFilter,
    KeyPair,
    Location,
    Network,
    Node,
    NodeState,
    OperationStatus,
    Outcome,
    Size,
    Vm,
    VmStatus,
)
from orchestrator_core.redaction import redact, register_secret
from orchestrator_core.refusals import AlreadyAssigned, NotAssigned, NotUsable
from orchestrator_core.settings.kept_files import read_settings_file
from orchestrator_core.settings.paths import FileField, PathField
from orchestrator_core.settings.secrets import Secret, SecretField, SecretMapping, reveal_all
from orchestrator_core.start_request import (
    RootDisk,
    Spot,
    StartField,
    StartFields,
    StartRequest,
    Volume,
)
from orchestrator_core.traces.tracer import trace_headers

__all__ = [
    "AlreadyAssigned",
    "AssignRequest",
    "AssignmentResult",
    "BackendContext",
    "Call",
    "CircuitOpen",
    "CloudBusy",
    "CloudDescription",
    "CloudError",
    "CloudTimeout",
    "CloudUnavailable",
    "CloudUnreachable",
    "Conflict",
    "CredentialsRefused",
    "Deadline",
    "ExtensionContext",
    "FileField",
    "Firewall",
    "Forbidden",
    "Image",
    "ImageFilter",
    "ImageNotFound",
    "InvalidAnswer",
    "InvalidParameter",
    "Inventory",
    "KeyPair",
    "Location",
    "LocationNotFound",
    "Network",
    "Node",
    "NodeNotFound",
    "NodeState",
    "NotAssigned",
    "NotFound",
    "NotUsable",
    "OperationStatus",
    "OrchestratorError",
    "Outcome",
    "PathField",
    "PluginContext",
    "PluginError",
    "QuotaExceeded",
    "RateLimited",
    "Refused",
    "RequestError",
    "RootDisk",
    "Secret",
    "SecretField",
    "SecretMapping",
    "Size",
    "SizeNotFound",
    "Spot",
    "StartField",
    "StartFields",
    "StartRequest",
    "State",
    "StateUnavailable",
    "Unsupported",
    "Vm",
    "VmStatus",
    "Volume",
    "hookimpl",
    "read_settings_file",
    "redact",
    "register_secret",
    "reveal_all",
    "trace_headers",
]

DEPRECATED: dict[str, DeprecatedName] = {}
"""Former public names that still work; docs/plugins/versioning.md says for how long."""

if not TYPE_CHECKING:  # a type checker would accept any name
    __getattr__ = deprecated_names(__name__, DEPRECATED)
