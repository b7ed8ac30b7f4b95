"""The contract of clouds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator_core.deadline import Deadline
from orchestrator_core.hookspecs.markers import hookspec
from orchestrator_core.model import (
    CloudDescription,
    Firewall,
    Image,
    ImageFilter,
    KeyPair,
    Location,
    Network,
    Node,
    Size,
)
from orchestrator_core.start_request import StartField, StartRequest

Hints = Mapping[str, str]
"""The values of hints, by name."""


class CloudHooks:
    """The hooks of a cloud, in the entry-point group ``orchestrator.clouds.v1``.

    A list is complete or an error: read every page, and raise the error of any page instead of
    returning a part.

    The class attribute ``is_simulated = True`` says that the cloud is a simulation, in which
    nothing can be lost. If the settings do not say ``destroy``, any node of a simulation may be
    destroyed. Of every other cloud the core then destroys only nodes that the server has started or
    an operator has adopted.

    .. versionadded:: 0.1
       ``is_simulated``

    Common arguments:
        deadline: the time by which the caller wants the answer. ``deadline.remaining()`` returns
            seconds, for your client's own time limits. It may end early, when no caller waits any
            more.
        hints: the values of the caller's header ``X-Cloud-Hints``, by name; empty unless the
            cloud's settings say ``hints = true``.
        node_id: the cloud's own id of one node, which a caller got as :attr:`Node.id`; the node may
            no longer exist.
    """

    @hookspec(firstresult=True)
    def describe(self) -> CloudDescription:
        """Return the description of this cloud. Required; called once, must not use the network.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def check(self, deadline: Deadline) -> None:
        """Check with a cheap request that the cloud can be reached with these credentials.

        Safe to repeat.

        :raises CredentialsRefused, CloudUnreachable: when it cannot be reached.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def list_nodes(self, deadline: Deadline, hints: Hints) -> Sequence[Node]:
        """Return every node. Safe to repeat.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def list_images(
        self, filters: ImageFilter, deadline: Deadline, hints: Hints
    ) -> Sequence[Image]:
        """Return every image that a node can be started from. Safe to repeat.

        A driver of a cloud with thousands of images takes ``filters`` and passes them to the cloud.
        If a driver does not take the argument, the core filters the whole list by name, and refuses
        the other filters.

        Args:
            filters: the images to return; without any filter all of them.

        :raises InvalidParameter: for a filter that this cloud does not have.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def list_sizes(self, deadline: Deadline, hints: Hints) -> Sequence[Size]:
        """Return every size that a node can have. Safe to repeat.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def list_locations(self, deadline: Deadline, hints: Hints) -> Sequence[Location]:
        """Return every location. Safe to repeat.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def list_keypairs(self, deadline: Deadline, hints: Hints) -> Sequence[KeyPair]:
        """Return every key pair that a start can name in ``keyname``. Safe to repeat.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def list_networks(self, deadline: Deadline, hints: Hints) -> Sequence[Network]:
        """Return everything that a start can name in ``networks``: networks, or subnets.

        Safe to repeat.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def list_firewalls(self, deadline: Deadline, hints: Hints) -> Sequence[Firewall]:
        """Return everything that a start can name in ``firewalls``. Safe to repeat.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def page_nodes(
        self, limit: int, marker: str | None, deadline: Deadline, hints: Hints
    ) -> Sequence[Node]:
        """Return the first ``limit`` nodes, by id, of those whose id is greater than ``marker``.

        Ids are compared as Python compares texts. The node with the marker's id may no longer
        exist. Fewer than ``limit`` nodes mean that there are no more. The core calls this hook when
        a caller gives ``limit``; without this hook it takes the part from :meth:`list_nodes`.
        Implement it only if the cloud's API can sort by id: a page in another order, or a page that
        the cloud has shortened, would hide nodes. Safe to repeat.

        :raises Unsupported: when this cloud cannot; the core then reads the whole list.

        Args:
            limit: the number of nodes to return, 1 or more.
            marker: the id after which the part begins; None for the first nodes.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def page_images(
        self,
        filters: ImageFilter,
        limit: int,
        marker: str | None,
        deadline: Deadline,
        hints: Hints,
    ) -> Sequence[Image]:
        """Return a part of the images, as :meth:`page_nodes` does for nodes.

        If a driver does not take ``filters``, the core takes the part of a filtered list from
        :meth:`list_images`.

        Args:
            filters: the images of which to return a part; without any filter all of them.
            limit: the number of images to return, 1 or more.
            marker: the id after which the part begins; None for the first images.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def get_node(self, node_id: str, deadline: Deadline, hints: Hints) -> Node:
        """Return one node. Safe to repeat.

        Without this hook the core searches :meth:`list_nodes`.

        :raises NodeNotFound: when there is no such node.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def get_image(self, image_id: str, deadline: Deadline, hints: Hints) -> Image:
        """Return one image. Safe to repeat.

        Without this hook the core searches :meth:`list_images`.

        Args:
            image_id: the cloud's own id, as the caller gave it.

        :raises ImageNotFound: when there is no such image.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def get_size(self, size_id: str, deadline: Deadline, hints: Hints) -> Size:
        """Return one size. Safe to repeat.

        Without this hook the core searches :meth:`list_sizes`.

        Args:
            size_id: the cloud's own id, as the caller gave it.

        :raises SizeNotFound: when there is no such size.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def find_node(self, marker: str, deadline: Deadline, hints: Hints) -> Node:
        """Return the node that was started with this marker. Safe to repeat.

        After ``NodeNotFound`` the core may record that the start has failed. A driver whose cloud
        cannot carry a marker must therefore not support this hook (see :meth:`unsupported`).

        Args:
            marker: the marker of a start, from :attr:`StartRequest.marker`.

        :raises NodeNotFound: when no node carries the marker.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def start_fields(self) -> Mapping[str, StartField | str]:
        """Return for each optional field of a start how this cloud takes it, or why it does not.

        The keys are the names of the fields of :class:`~orchestrator_core.StartFields`. A value is
        a :class:`~orchestrator_core.StartField`, or a text with the reason for callers. A field
        without an entry is not taken. The core refuses a start with a field that is not taken
        before it calls the driver. Called once for each object, must not use the network. A driver
        without this hook gets ``keyname`` and ``metadata`` and no other field.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def start_vm(self, request: StartRequest, deadline: Deadline, hints: Hints) -> Node:
        """Create a node; return as soon as the cloud has accepted and named it.

        The node's state may be PENDING and its addresses empty. The core never repeats this call.

        Args:
            request: the node to create; its image and size are the objects that :meth:`get_image`
                and :meth:`get_size` (or the lists) have just returned.

        An error says with ``nothing_done`` whether something may have been created. Unless it is
        True, the core searches for the node by its marker. It destroys a node that it finds after a
        refusal.

        :raises InvalidParameter: for a parameter that this cloud does not accept.
        :raises QuotaExceeded: when quota or capacity is used up.
        :raises Refused: when the cloud refuses for another reason, with the cloud's own words.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def stop_vm(self, node_id: str, deadline: Deadline, hints: Hints) -> None:
        """Destroy a node; return once the cloud has accepted the deletion.

        :raises NodeNotFound: when the cloud says of this node that it does not exist. A 404 of a
            list, or in another form than the cloud's own, is a
            :class:`~orchestrator_core.CloudError`. The core compares this error with
            :meth:`list_nodes`, if the plugin implements that.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def reboot_vm(self, node_id: str, deadline: Deadline, hints: Hints) -> None:
        """Restart a node in place.

        :raises NodeNotFound: when there is no such node.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def power_on_vm(self, node_id: str, deadline: Deadline, hints: Hints) -> None:
        """Power on a node that is powered off.

        :raises NodeNotFound: when there is no such node.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def power_off_vm(self, node_id: str, deadline: Deadline, hints: Hints) -> None:
        """Power off a node without destroying it.

        :raises NodeNotFound: when there is no such node.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def resize_vm(self, node_id: str, size: Size, deadline: Deadline, hints: Hints) -> None:
        """Give a node another size; return as soon as the cloud has accepted.

        The core never repeats this call. A driver whose cloud works on an accepted resize for some
        time, or waits for a confirmation, implements :meth:`confirm_resize` too.

        Args:
            size: the new size, as :meth:`get_size` (or the list) has just returned it.

        :raises NodeNotFound: when there is no such node.
        :raises Conflict: when the node's state does not allow it, for example because the cloud
            resizes only nodes that are powered off.
        :raises InvalidParameter: for a size that this node cannot have, with the field ``size``.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def confirm_resize(self, node_id: str, size: Size, deadline: Deadline, hints: Hints) -> bool:
        """Return whether a node's resize is complete; confirm it if the cloud waits for that.

        The core calls this hook after an accepted :meth:`resize_vm`, again and again until it
        returns True, even if the server was killed in between. It also calls it to determine
        whether a resize whose answer was lost has been made. Safe to repeat. Without this hook a
        resize is complete when the cloud has accepted it.

        Args:
            size: the size that the node was to get.

        :raises NodeNotFound: when there is no such node.
        :raises Refused: when the node has another size and no resize is in progress: the cloud has
            given the resize up, or has never received it.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def rename_vm(self, node_id: str, name: str, deadline: Deadline, hints: Hints) -> None:
        """Give a node another name; the lists show it afterwards.

        A driver that stores the marker of a start in the node's name keeps it there.

        Args:
            name: the new name of the node.

        :raises NodeNotFound: when there is no such node.
        :raises InvalidParameter: for a name that this cloud does not accept.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def create_image(self, node_id: str, name: str, deadline: Deadline, hints: Hints) -> Image:
        """Make an image of a node; return as soon as the cloud has accepted and named it.

        The list of images may show it only later. The core never repeats this call.

        Args:
            name: the name of the new image.

        :raises NodeNotFound: when there is no such node.
        :raises Conflict: when the node's state does not allow it.
        :raises InvalidParameter: for a name that this cloud does not accept.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def get_console_output(self, node_id: str, deadline: Deadline, hints: Hints) -> str:
        """Return the text that a node has written to its console, as far as the cloud keeps it.

        Return an empty text if there is none yet. Decode bytes with ``errors="replace"``. The core
        passes on at most the last MiB. Safe to repeat.

        :raises NodeNotFound: when there is no such node.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def unsupported(self) -> Mapping[str, str]:
        """Return the implemented hooks that this one cloud cannot serve, each with the reason.

        Callers read the reasons. Called once for each object, must not use the network. Without
        this hook every implemented hook is supported.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def abort(self, deadline: Deadline) -> None:
        """End the running call that received this deadline, because no caller waits for it.

        The core calls this hook from a separate thread, at the deadline or when the last caller of
        a read has left, at most once for each call. ``deadline`` is the same object that the other
        hook received, and has passed. Closing the connection is enough; the core ignores what the
        other hook then raises. The call may have ended just before.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def close(self) -> None:
        """Close connections and end threads.

        The process is about to end, or a new object of the class has replaced this one. Calls that
        this object still serves continue.

        .. versionadded:: 0.1
        """
