"""The plugin contract, version 1.

A plugin is a class named by an entry point in one of three groups. The core
makes one object of it for each cloud (or assignment backend) in the settings that names
it, as ``cls(context, settings)``:

* ``context`` is a :class:`~orchestrator_core.PluginContext`;
* ``settings`` is that part of the settings file, validated by the marshmallow
  schema in the class attribute ``settings_schema``. What only the context tells (that there
  is no [state], say) the constructor refuses with marshmallow's ``ValidationError``.

It implements what it can of the hooks below, each marked ``@hookimpl``. Hooks
are ordinary blocking functions: the core calls them in threads that belong to
that one cloud, several at once. A hook may leave out the arguments that it
does not need, and never sees any of another plugin's calls. What is not
implemented is an unsupported operation.

Errors are those below :class:`~orchestrator_core.OrchestratorError`; anything else that a
hook raises is reported as a failure of the cloud, without its text. Exceptions of requests, httpx
and urllib for connections that fail and answers that do not come are taken for
:class:`~orchestrator_core.CloudUnreachable` and :class:`~orchestrator_core.CloudTimeout`, with a
hint in the log. ``deadline`` is a
:class:`~orchestrator_core.Deadline`: the moment by which the caller wants the
answer. The core enforces it from outside; a driver that hands it on to its client, or
implements :meth:`~CloudHooks.abort`, gets its thread back sooner. ``hints`` is what the
caller wrote into the header ``X-Cloud-Hints``, where the cloud's settings let it through;
it means something to that one driver only, and is empty otherwise. A driver names the hints that
it knows in its class attribute ``hints``, ``hints = ("availability_zone",)`` say; the core refuses
all others, and every hint where the class has no such attribute.

Before a node is destroyed, rebooted or switched the core looks it up, with ``get_node`` or else in
``list_nodes``: a driver without both cannot have ``stop_vm``, ``reboot_vm``, ``power_on_vm`` or
``power_off_vm``. A node, an image, a size or a VM whose id is not exactly the one that was asked
for is refused. Ids go into URLs escaped, ``urllib.parse.quote(node_id, safe="")``: an id is any
text that a caller sends.

What a hook gives is held against the types that its signature says; an answer of another type
is refused as an invalid answer, whatever is in it.

Reads are repeated by the core when they fail in a way that may pass
(:attr:`~orchestrator_core.CloudError.transient`), changes only where the error says that nothing
was done (``repeat_is_safe``). An error that refuses a change tells with
:attr:`~orchestrator_core.OrchestratorError.nothing_done` whether something was done before it. On
:class:`~orchestrator_core.CredentialsRefused` the core makes a new object of the class, with its
secrets read anew, and asks once more.

A plugin may have tables in the server's database, ``context.state``
(:class:`~orchestrator_core.State`; None on a server without [state], where the plugin does
without or refuses its settings). Its class attribute ``migrations`` names the package that holds
its Alembic revisions, ``"orchestrator_audit.migrations"`` say: modules in one straight line, no
``env.py``. The names of its tables begin with its kind, its entry point's name and two
underscores, ``extension_audit__`` say; the entry point's name has only a-z, 0-9 and single
underscores then, and at most 24 characters. All sections of the settings that name the plugin
share the tables. ``orchestrator db upgrade`` runs what is new, in one transaction for each plugin;
a migration that fails, or touches a table that is not the plugin's, is undone. Where there are no
tables yet the first server makes them; a plugin whose tables are behind is not usable until they
are upgraded. Old and new versions of a plugin work on the same tables during an upgrade: a
migration only adds, and what the version before still reads goes in a later one.

.. versionadded:: 0.1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pluggy

from orchestrator_core.deadline import Deadline
from orchestrator_core.model import (
    AssignmentResult,
    AssignRequest,
    Call,
    CloudDescription,
    Image,
    Location,
    Node,
    Outcome,
    Size,
    StartRequest,
    Vm,
)

PROJECT: Final = "orchestrator"

Hints = Mapping[str, str]
"""Words to values."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's method as the implementation of the hook of the same name."""


class CloudHooks:
    """A cloud: entry-point group ``orchestrator.clouds.v1``.

    Lists are complete or they are an error: page to the end, and raise rather than
    return the part that came.

    The class attribute ``is_simulated = True`` says that the cloud is a simulation, in which
    nothing can be lost: without ``destroy`` in its settings any of its nodes may be destroyed. Of
    every other cloud only nodes that the server has started, or an operator has adopted.

    .. versionadded:: 0.1
       ``is_simulated``

    Common arguments:
        deadline: the moment by which the caller wants the answer. ``deadline.remaining()`` is in
            seconds, for your client's own time limits. It may end early, when nobody waits any
            more.
        hints: what the caller wrote into the header ``X-Cloud-Hints``, words to values; empty
            unless the cloud's settings say ``hints = true``.
        node_id: the cloud's own id of one node, as callers had it from :attr:`Node.id` before;
            there need not be such a node any more.
    """

    @hookspec(firstresult=True)
    def describe(self) -> CloudDescription:
        """Say what this cloud is. Required; called once, must not use the network.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def check(self, deadline: Deadline) -> None:
        """Find out cheaply whether the cloud can be reached with these credentials.

        Returns nothing when it can. Safe to repeat.

        :raises CredentialsRefused, CloudUnreachable: when it cannot.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def list_nodes(self, deadline: Deadline, hints: Hints) -> Sequence[Node]:
        """Return every node. Safe to repeat.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def list_images(self, deadline: Deadline, hints: Hints) -> Sequence[Image]:
        """Return every image that a node can be started from. Safe to repeat.

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
    def page_nodes(
        self, limit: int, marker: str | None, deadline: Deadline, hints: Hints
    ) -> Sequence[Node]:
        """Return the first ``limit`` nodes, by id, of those whose id is greater than ``marker``.

        Ids are compared as Python compares texts. There need not be a node with the marker's id any
        more. Fewer than ``limit`` nodes mean that there are no more. The core asks for a part when
        a caller gives ``limit``; when this hook is absent it cuts the part out of
        :meth:`list_nodes`. Implement it only if the cloud's API can sort by id: a page in
        another order, or one that the cloud cut short, would hide nodes. Safe to repeat.

        :raises Unsupported: when this cloud cannot; the core then asks for the whole list.

        Args:
            limit: how many nodes are wanted, 1 or more.
            marker: the id after which they begin; None for the first ones.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def page_images(
        self, limit: int, marker: str | None, deadline: Deadline, hints: Hints
    ) -> Sequence[Image]:
        """Return a part of the images, as :meth:`page_nodes` does of the nodes.

        Args:
            limit: how many images are wanted, 1 or more.
            marker: the id after which they begin; None for the first ones.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def get_node(self, node_id: str, deadline: Deadline, hints: Hints) -> Node:
        """Return one node. Safe to repeat.

        When absent the core looks through :meth:`list_nodes`.

        :raises NodeNotFound: when there is none.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def get_image(self, image_id: str, deadline: Deadline, hints: Hints) -> Image:
        """Return one image. Safe to repeat.

        When absent the core looks through :meth:`list_images`.

        Args:
            image_id: the cloud's own id, as the caller gave it.

        :raises ImageNotFound: when there is none.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def get_size(self, size_id: str, deadline: Deadline, hints: Hints) -> Size:
        """Return one size. Safe to repeat.

        When absent the core looks through :meth:`list_sizes`.

        Args:
            size_id: the cloud's own id, as the caller gave it.

        :raises SizeNotFound: when there is none.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def find_node(self, marker: str, deadline: Deadline, hints: Hints) -> Node:
        """Return the node that was started with this marker. Safe to repeat.

        When it raises that there is none, the core may take the start for failed: a driver whose
        cloud cannot carry a marker must not support this hook (see :meth:`unsupported`).

        Args:
            marker: what came with a start as :attr:`StartRequest.marker`.

        :raises NodeNotFound: when no node carries it.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def start_vm(self, request: StartRequest, deadline: Deadline, hints: Hints) -> Node:
        """Create a node; return as soon as the cloud has accepted and named it.

        The node's state may be PENDING and its addresses empty. Never repeated by
        the core.

        Args:
            request: what is to be created; its image and size are the objects that
                :meth:`get_image` and :meth:`get_size` (or the lists) have just given.

        An error says with ``nothing_done`` whether something may have been created. Unless it is
        True the core looks for the node by its marker; one that it finds after a refusal is
        destroyed.

        :raises InvalidParameter: for a parameter that this cloud does not take.
        :raises QuotaExceeded: when quota or capacity is used up.
        :raises Refused: when the cloud refuses it for another reason, with its own words.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def stop_vm(self, node_id: str, deadline: Deadline, hints: Hints) -> None:
        """Destroy a node; return nothing once the cloud has accepted it.

        :raises NodeNotFound: when there is none, which the cloud says of this very node. A 404 of
            a list, or in another form than the cloud's own, is a
            :class:`~orchestrator_core.CloudError`. The core holds this error against
            :meth:`list_nodes`, where that is implemented.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def reboot_vm(self, node_id: str, deadline: Deadline, hints: Hints) -> None:
        """Restart a node in place.

        :raises NodeNotFound: when there is none.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def power_on_vm(self, node_id: str, deadline: Deadline, hints: Hints) -> None:
        """Switch a node on that is switched off.

        :raises NodeNotFound: when there is none.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def power_off_vm(self, node_id: str, deadline: Deadline, hints: Hints) -> None:
        """Switch a node off without destroying it.

        :raises NodeNotFound: when there is none.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def unsupported(self) -> Mapping[str, str]:
        """Say which of the implemented hooks this one cloud cannot serve, and why.

        Returns the hooks' names with a reason for each, as callers may read it. Called
        once for each object, must not use the network. When absent, all that is
        implemented is supported.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def abort(self, deadline: Deadline) -> None:
        """Make the call end that was given this deadline: nobody waits for it any more.

        Called from a thread of its own, at the deadline or when the last caller has left
        a read, at most once for each call. ``deadline`` is the very object that the
        hook was given, and has passed by now. Closing the connection is enough; what the
        hook raises then is not looked at. It may come just after the call has ended.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def close(self) -> None:
        """Let go of connections and threads.

        The process is about to end, or a new object of the class takes over; calls that this
        one still serves go on.

        .. versionadded:: 0.1
        """


class AssignmentHooks:
    """An assignment backend: entry-point group ``orchestrator.assignments.v1``.

    It chooses, allows and reports. Who holds what, and the destroying of VMs, are the core's
    work. Its ``context`` is a :class:`~orchestrator_core.BackendContext`; what it keeps itself
    beside that (see above) are tables of its own. The class attribute
    ``external = False`` says that it keeps no assignments of its own outside of the core's
    ledger: then an assign is one transaction there. ``by_hostname = True`` says that it can be
    told of a VM by the VM's hostname alone: then the core refuses a VM whose hostname another
    living VM of the backend's clouds has, and its ledger tells whose a VM is.

    .. versionadded:: 0.1
       ``by_hostname``

    Common arguments:
        cloud: the name of the cloud in the settings.
        deadline: the moment by which the caller wants the answer, as for :class:`CloudHooks`.
    """

    @hookspec(firstresult=True)
    def check(self, deadline: Deadline) -> None:
        """Find out cheaply whether the backend can be reached. Safe to repeat.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def list_vms(self, cloud: str, deadline: Deadline) -> Sequence[Vm]:
        """Return every VM of that cloud that the backend knows. Safe to repeat.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def resolve_vm(
        self, cloud: str, node: str | None, hostname: str | None, deadline: Deadline
    ) -> Vm:
        """Return the one VM that is meant by a node id, a hostname or both.

        Safe to repeat.

        Args:
            node: the cloud's id of it; None when the caller gave a hostname alone.
            hostname: its name; None when the caller gave a node alone.

        :raises NodeNotFound: when the backend does not know it.
        :raises InvalidParameter: when both are given and mean different VMs, or the
            hostname fits several; it names them.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def assign_vm(self, request: AssignRequest, deadline: Deadline) -> AssignmentResult:
        """Give a VM to a user and an application.

        Args:
            request: who wants which VM and for what; the VM is as :meth:`resolve_vm` gave it.

        :raises Refused: with the backend's own reason.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def release_vm(self, cloud: str, vm: Vm, deadline: Deadline) -> AssignmentResult:
        """Take a VM back from its user. The core destroys it afterwards.

        Args:
            vm: as :meth:`resolve_vm` gave it.

        :raises Refused: with the backend's own reason.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def abort(self, deadline: Deadline) -> None:
        """Make the call end that was given this deadline, as :meth:`CloudHooks.abort`.

        .. versionadded:: 0.1
        """

    @hookspec(firstresult=True)
    def close(self) -> None:
        """Let go of connections and threads.

        The process is about to end, or a new object of the class takes over; calls that this
        one still serves go on.

        .. versionadded:: 0.1
        """


class ExtensionHooks:
    """A policy or an observer: entry-point group ``orchestrator.extensions.v1``.

    Its ``context`` is an :class:`~orchestrator_core.ExtensionContext`.

    It sees the calls of callers, each once, and nothing of what the server does by itself
    afterwards. Extensions are asked in the order of the settings, before and after.

    Common arguments:
        call: what is asked for, by whom, of which cloud.
    """

    @hookspec
    def before_call(self, call: Call) -> None:
        """Look at a call before it is made; change its parameters or deny it.

        What :attr:`~orchestrator_core.Call.operation_id` names is not recorded yet: whether it
        ever was, and what has become of it, tells
        :meth:`Inventory.operations <orchestrator_core.Inventory.operations>` at any later time.

        :raises Forbidden: to deny it, with the reason.

        .. versionadded:: 0.1
        """

    @hookspec
    def after_call(self, call: Call, outcome: Outcome) -> None:
        """See how a call ended. Changes nothing.

        It comes for every call, denied ones included, save where this process was killed.
        A change that ended with an error may be under way all the same.

        Args:
            outcome: the answer or the error, how long it took, and how many attempts.

        .. versionadded:: 0.1
        """
