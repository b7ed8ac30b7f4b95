"""The data types of the hooks: the things of a cloud, and the requests to it.

All of them are plain dataclasses without behaviour. The values that a driver puts into ``extra``
must be JSON (str, int, float, bool, None, list, dict with str keys) and free of secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from orchestrator_core.patterns import matches

JsonObject = dict[str, Any]


class NodeState(Enum):
    """The state of a node: Apache Libcloud's states, and TERMINATING.

    A TERMINATING node is being deleted and cannot come back; a STOPPING node can. A TERMINATED node
    has ended for good, but its cloud still shows it. A node that is powered off is STOPPED.
    """

    RUNNING = "running"
    STARTING = "starting"
    REBOOTING = "rebooting"
    TERMINATED = "terminated"
    PENDING = "pending"
    UNKNOWN = "unknown"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    ERROR = "error"
    PAUSED = "paused"
    RECONFIGURING = "reconfiguring"
    MIGRATING = "migrating"
    NORMAL = "normal"
    UPDATING = "updating"
    TERMINATING = "terminating"

    @property
    def is_usable(self) -> bool:
        """Whether a node in this state can be assigned to a user.

        ERROR, STOPPING, TERMINATING and TERMINATED nodes cannot. The user can power on a node that
        is powered off, suspended or paused. A node that starts, reboots, migrates or is
        reconfigured will run. A driver that knows no states reports UNKNOWN. Some clouds use one
        word for nodes that are being powered off and for nodes that are being deleted; a STOPPING
        node is therefore not assigned until it has another state.

        .. versionadded:: 0.1
        """
        return self not in _UNUSABLE


_UNUSABLE = frozenset(
    {NodeState.ERROR, NodeState.STOPPING, NodeState.TERMINATING, NodeState.TERMINATED}
)


@dataclass(slots=True)
class CloudDescription:
    """The description of a configured cloud.

    Attributes:
        provider: a short stable name; a part of every node's uuid.
        display_name: the name for people, shown as ``cloud_type``.
        host: the host of its API; None if it has none.
    """

    provider: str
    display_name: str
    host: str | None = None


@dataclass(slots=True)
class Node:
    """One VM as its cloud shows it now.

    Attributes:
        id: the cloud's own id; unique within the cloud.
        secrets: values that only the caller who created the node may see, and only once, for
            example a generated password. The answer to the start shows them inside ``extra``; they
            are dropped everywhere else.
        marker: the marker with which the core started the node (``StartRequest.marker``), if the
            cloud returns it; never shown to callers.
        fault: why the cloud could not start the node, in its own words, if it says so; the error of
            a failed start quotes it.
        image: the id of the image that it was started from, or its name where the cloud tells only
            that; None if the cloud does not tell.

            .. versionadded:: 0.1
        size: the id of its size, or its name, as for the image.

            .. versionadded:: 0.1
        created_at: the time when it was created, with a time zone; None if the cloud does not tell.

            .. versionadded:: 0.1
        tags: its tags or labels. A tag that is a word is a key with the value ``""``.

            .. versionadded:: 0.1
    """

    id: str
    name: str
    state: NodeState = NodeState.UNKNOWN
    public_ips: list[str] = field(default_factory=list)
    private_ips: list[str] = field(default_factory=list)
    extra: JsonObject = field(default_factory=dict)
    secrets: JsonObject = field(default_factory=dict, repr=False)
    marker: str | None = field(default=None, repr=False)
    fault: str | None = None
    image: str | None = None
    size: str | None = None
    created_at: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Image:
    """An image from which a node can be started."""

    id: str
    name: str
    extra: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """The images that a caller wants to see; None stands for any.

    Attributes:
        name: the name; each ``*`` in it stands for any characters.
        owner: the account that owns the image, in the cloud's own words.
        architecture: the architecture of the processor, such as ``x86_64`` or ``arm64``.
    """

    name: str | None = None
    owner: str | None = None
    architecture: str | None = None

    def fits(self, name: str) -> bool:
        """Return whether an image with this name is wanted, as far as the name decides.

        .. versionadded:: 0.1
        """
        return self.name is None or matches(name, self.name)


@dataclass(slots=True)
class Size:
    """A size that a node can have. ``ram`` is in MB, ``disk`` in GB; None if unknown."""

    id: str
    name: str
    ram: int | None = None
    disk: int | None = None
    cpu: int | float | None = None
    extra: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class Location:
    """A place (region, zone, data centre) where a node can run."""

    id: str
    name: str
    country: str | None = None


@dataclass(slots=True)
class KeyPair:
    """A public SSH key that the cloud keeps under a name.

    Attributes:
        fingerprint: the key's fingerprint in the cloud's own form; None if the cloud has none.
    """

    id: str
    name: str
    fingerprint: str | None = None
    extra: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class Network:
    """A network, or a subnet on clouds whose VMs are attached to subnets.

    Attributes:
        cidr: its range of addresses, such as ``10.0.0.0/24``; None if it is unknown, or if the
            network has several.
        location: the id of the only location in which it can be used; None for any.
    """

    id: str
    name: str
    cidr: str | None = None
    location: str | None = None
    extra: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class Firewall:
    """A named set of firewall rules: a security group, a firewall group or a network tag."""

    id: str
    name: str
    description: str | None = None
    extra: JsonObject = field(default_factory=dict)


class VmStatus(Enum):
    """The status of a VM at its assignment backend, with the numbers of version 1."""

    FREE = 1
    ASSIGNED = 2
    PREPARING = 3
    RELEASING = 4
    FAULTY = 5


@dataclass(slots=True)
class Vm:
    """A VM as an assignment backend knows it.

    Attributes:
        id: the backend's own number (or text) for the VM; 0 while it has none. Version 1 shows 0 as
            null.
        id_vm: the cloud's node id.
        status: the backend's number; one of :class:`VmStatus` if it has the same meaning.
    """

    id: int | str
    id_vm: str
    hostname: str
    user: str = ""
    recipe: str = ""
    recipe_id: int | str | None = None
    status: int = VmStatus.FREE.value
    status_desc: str = VmStatus.FREE.name
    cloud: str = ""


@dataclass(slots=True)
class AssignRequest:
    """A request to assign a VM to a user. ``vm_type`` is the application's name."""

    cloud: str
    vm: Vm
    user: str
    vm_type: str


@dataclass(slots=True)
class AssignmentResult:
    """A backend's answer to an assign or a release; ``result`` is its own text."""

    id: int | str
    id_vm: str
    result: str


@dataclass(slots=True)
class Call:
    """One call as extensions see it.

    Attributes:
        operation: the hook's name, for example ``start_vm``; ``renew_vm`` for the renewal of a
            lease. Reports of the server itself: ``list_clouds``, ``get_cloud``, ``list_plugins``,
            ``list_operations``, ``get_operation``, ``list_assignments``, ``get_assignment``,
            ``list_orphans``, ``list_processes``.
        cloud: the cloud's name; empty for a report that is not about one cloud.
        caller: the name of the caller's token in the settings.
        deadline: the seconds that the operation may take.
        parameters: the caller's parameters; ``before_call`` may change them.
        operation_id: the id under which a change will be recorded. It is None for a call that
            changes nothing, and on a server without [state].

            .. versionadded:: 0.1
    """

    operation: str
    cloud: str
    caller: str
    request_id: str
    deadline: float
    parameters: dict[str, Any] = field(default_factory=dict)
    operation_id: str | None = None


@dataclass(slots=True)
class Outcome:
    """The outcome of a call.

    Attributes:
        result: for a start the :class:`Node`, without its secrets; for an image of a VM the
            :class:`Image`; for an assign or a release the :class:`AssignmentResult`; for a list the
            encoded answer; otherwise None.
        error: the error that was raised instead of a result.
        duration: the duration in seconds, including the time that the extensions took.
        attempts: the number of calls to the cloud.
        node_id: the VM that was started or changed, or of which an image was made.

            .. versionadded:: 0.1
    """

    result: Any = None
    error: BaseException | None = None
    duration: float = 0.0
    attempts: int = 1
    node_id: str | None = None


@dataclass(slots=True)
class OperationStatus:
    """The status of a recorded change.

    Attributes:
        state: ``running``, ``pending`` or ``paused`` while the change is in progress; at its end
            ``succeeded``, ``failed`` or ``abandoned``.
        node_id: the id of the VM; None while it is unknown, and after the VM is gone.

    .. versionadded:: 0.1
    """

    state: str
    node_id: str | None = None
