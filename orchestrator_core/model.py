"""The words that hooks speak: what a cloud has, and what is asked of it.

All of them are plain dataclasses without behaviour. What a driver puts into
``extra`` must already be JSON (str, int, float, bool, None, list, dict with
str keys) and free of secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

JsonObject = dict[str, Any]


class NodeState(Enum):
    """What a node is doing, in Apache Libcloud's words, and one more: TERMINATING.

    A node that is TERMINATING is being deleted and cannot come back, which a node that is STOPPING
    may. TERMINATED is a node that is gone for good and still shown. Neither is a node that is
    switched off: that is STOPPED.
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
        """Whether a node in this state can be given to a user.

        ERROR, STOPPING, TERMINATING and TERMINATED cannot. A node that is switched off, suspended
        or paused can be switched on by its user; one that starts, reboots, migrates or is
        reconfigured will run; UNKNOWN is what a driver says that knows no states. Some clouds use
        one word for a node that is being switched off and one that is being deleted, so STOPPING
        is waited for.

        .. versionadded:: 0.1
        """
        return self not in _UNUSABLE


_UNUSABLE = frozenset(
    {NodeState.ERROR, NodeState.STOPPING, NodeState.TERMINATING, NodeState.TERMINATED}
)


@dataclass(slots=True)
class CloudDescription:
    """What a configured cloud is.

    Attributes:
        provider: short stable name; part of every node's uuid.
        display_name: for people, shown as ``cloud_type``.
        host: where its API is, or None when it has none.
    """

    provider: str
    display_name: str
    host: str | None = None


@dataclass(slots=True)
class Node:
    """One VM as its cloud shows it now.

    Attributes:
        id: the cloud's own id; unique within the cloud.
        secrets: what only the caller who created the node may see, once
            (a generated password, say). Shown inside ``extra`` in the answer to
            the start, dropped everywhere else.
        marker: what the core put on the node when it started it
            (``StartRequest.marker``), where the cloud gives it back; never shown to callers.
    """

    id: str
    name: str
    state: NodeState = NodeState.UNKNOWN
    public_ips: list[str] = field(default_factory=list)
    private_ips: list[str] = field(default_factory=list)
    extra: JsonObject = field(default_factory=dict)
    secrets: JsonObject = field(default_factory=dict, repr=False)
    marker: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Image:
    """Something a node can be started from."""

    id: str
    name: str
    extra: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class Size:
    """A shape that a node can have. ``ram`` in MB, ``disk`` in GB, None where unknown."""

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
class StartRequest:
    """A node to be started.

    Attributes:
        name: the name that the caller wishes; not every cloud lets one choose.
        keyname: name of an SSH key that the cloud knows.
        metadata: free data for the node.
        marker: text of a-z, 0-9 and hyphens, at most 64 characters, that identifies
            this start; a driver that can attaches it to the node, so that ``find_node``
            finds it after a lost answer. It must come back in :attr:`Node.marker`
            and not show in the node's name or ``extra``.
    """

    name: str
    image: Image
    size: Size
    keyname: str | None = None
    metadata: JsonObject | None = None
    marker: str | None = None


class VmStatus(Enum):
    """Where a VM stands with its assignment backend; the numbers are version 1's."""

    FREE = 1
    ASSIGNED = 2
    PREPARING = 3
    RELEASING = 4
    FAULTY = 5


@dataclass(slots=True)
class Vm:
    """A VM as an assignment backend knows it.

    Attributes:
        id: the backend's own number (or text) for it; 0 while it has none, which version 1 shows
            as null.
        id_vm: the cloud's node id.
        status: the backend's number; :class:`VmStatus` where it is one of ours.
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
    """Who wants a VM and for what. ``vm_type`` is the application's name."""

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
        operation: the hook's name, ``start_vm`` say; ``renew_vm`` for the renewal of a lease.
            Reports of the server itself: ``list_clouds``, ``get_cloud``, ``list_plugins``,
            ``list_operations``, ``get_operation``, ``list_assignments``, ``get_assignment``,
            ``list_orphans``, ``list_processes``.
        cloud: the cloud's name; empty for a report that is not about one cloud.
        caller: the name of the caller's token in the settings.
        deadline: seconds that the operation may take.
        parameters: what the caller asked for; ``before_call`` may change it.
        operation_id: the id under which a change is going to be recorded, known before it is;
            None for what changes nothing, and on a server without [state].

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
    """How a call ended.

    Attributes:
        result: of a start the :class:`Node`, without its secrets; of an assign and a release the
            :class:`AssignmentResult`; of a list the encoded answer; else None.
        error: what was raised instead.
        duration: seconds, the extensions' own share included.
        attempts: how many times the cloud was asked.
        node_id: the VM that was started, stopped, switched, assigned or released.

            .. versionadded:: 0.1
    """

    result: Any = None
    error: BaseException | None = None
    duration: float = 0.0
    attempts: int = 1
    node_id: str | None = None


@dataclass(slots=True)
class OperationStatus:
    """What has become of a recorded change.

    Attributes:
        state: ``running``, ``pending`` or ``paused`` while it is under way; at its end
            ``succeeded``, ``failed`` or ``abandoned``.
        node_id: the VM that it is about; None while that is not known, and once it is gone.

    .. versionadded:: 0.1
    """

    state: str
    node_id: str | None = None
