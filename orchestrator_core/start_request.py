"""The data types of a start: the fields that a caller may set, and how a cloud takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Final, Literal

from orchestrator_core.model import Image, JsonObject, Size


@dataclass(frozen=True, slots=True)
class RootDisk:
    """The disk that a node boots from.

    Attributes:
        size: in GB; None for the size that the image or the size of the node determines.
        type: the cloud's own word for the kind of disk, such as ``gp3`` or ``pd-ssd``.
        keep: whether the disk remains when the node is destroyed.
    """

    size: int | None = None
    type: str | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Volume:
    """A disk that is attached to a node beside its root disk.

    Attributes:
        id: the id of an existing volume; None for a new one.
        size: the size of a new volume in GB; None for an existing one.
        type: the cloud's own word for the kind of a new volume.
        keep: whether a new volume remains when the node is destroyed; existing ones always do.
    """

    id: str | None = None
    size: int | None = None
    type: str | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """The wish for a node that the cloud may take back at any time, for a lower price.

    Attributes:
        max_price: the highest price for one hour, in the currency of the account; None for the
            cloud's own limit.
    """

    max_price: float | None = None


@dataclass(slots=True, kw_only=True)
class StartFields:
    """The optional fields of a start. A field that is None or empty was not given.

    Attributes:
        keyname: a key pair that the cloud knows.
        ssh_keys: public SSH keys, each as one line of an ``authorized_keys`` file.
        user_data: the text that the node's init system (cloud-init) reads, not encoded.
        networks: subnets on clouds whose nodes are attached to subnets, else networks; the first is
            the primary one.
        firewalls: security groups, firewall groups or network tags.
        location: a zone, region or other place.
        public_ip: whether the node gets a public address; None for what the cloud does by itself.
        tags: labels by which the cloud can search its nodes.
        metadata: data that the node itself can read, on clouds that have this apart from tags.
        options: parameters of the driver itself, which the operator has allowed.
    """

    keyname: str | None = None
    ssh_keys: Sequence[str] = ()
    user_data: str | None = field(default=None, repr=False)
    networks: Sequence[str] = ()
    firewalls: Sequence[str] = ()
    location: str | None = None
    public_ip: bool | None = None
    root_disk: RootDisk | None = None
    volumes: Sequence[Volume] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    spot: Spot | None = None
    metadata: JsonObject | None = field(default=None, repr=False)
    options: JsonObject = field(default_factory=dict, repr=False)


START_FIELDS: Final = tuple(one.name for one in fields(StartFields))
"""The names of the optional fields of a start."""


@dataclass(slots=True)
class StartRequest(StartFields):
    """A node to start, with the fields of :class:`~orchestrator_core.StartFields` and these.

    The core has checked every field against the driver's ``start_fields``: a field that the driver
    does not take is never set. Names of key pairs, networks, firewalls and locations are already in
    the form that the driver has asked for (:attr:`~orchestrator_core.StartField.given_as`).

    Attributes:
        name: the requested name; not every cloud supports the choice of a name.
        marker: a text of a-z, 0-9 and hyphens, at most 64 characters, that identifies this start.
            If the cloud supports this, the driver attaches the marker to the node, so that
            ``find_node`` finds the node after a lost answer. The driver must return it in
            :attr:`Node.marker`, and must not show it in the node's name or ``extra``.
    """

    name: str
    image: Image
    size: Size
    marker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartField:
    """Description of how a cloud takes one field of a start.

    Attributes:
        note: a remark for callers, such as "through user data".
        limit: the most entries of a list or an object.
        max_bytes: the most bytes of a text in UTF-8, or of all entries of a list together.
        given_as: for a field that names things of the cloud, whether the driver wants their ids or
            their names. The core finds one from the other with the list of these things
            (``list_networks`` for ``networks``), if the driver has that list.
        id_pattern: a regular expression that every id matches and no name does, such as
            ``sg-[0-9a-f]+``. The core then needs the list only for the other form.
        parts: the keys of an object that the cloud takes: of ``root_disk``, of each of ``volumes``
            and of ``spot``; for ``options`` the parameters that the driver knows. None for all.
        excludes: the fields that cannot be given together with this one.
        required: whether the cloud starts no node without it.

    .. versionadded:: 0.1
    """

    note: str | None = None
    limit: int | None = None
    max_bytes: int | None = None
    given_as: Literal["id", "name"] = "id"
    id_pattern: str | None = None
    parts: tuple[str, ...] | None = None
    excludes: tuple[str, ...] = ()
    required: bool = False
