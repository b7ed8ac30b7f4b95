"""The plugin contract, version 1: the hooks of each kind of plugin.

A plugin is a class that an entry point in one of three groups names. The core creates an object of
the class, ``cls(context, settings)``, for each cloud, assignment backend or extension in the
settings that names the plugin.

* ``context`` is a :class:`~orchestrator_core.PluginContext`.
* ``settings`` is the plugin's part of the settings file. The marshmallow schema in the class
  attribute ``settings_schema`` has validated it. If only the context shows that a setting is wrong,
  for example because the server has no [state], the constructor raises marshmallow's
  ``ValidationError``.

The class implements some of the hooks below and marks each with ``@hookimpl``. The core does not
offer an operation whose hook is missing. The how-to guides (``docs/plugins/howto.md``) have
examples of all that follows.

**Calls.** A hook is an ordinary blocking function. The core calls it in threads that belong to that
one cloud, several at the same time. A hook may omit arguments that it does not need.

**Deadline.** ``deadline`` is a :class:`~orchestrator_core.Deadline`: the time by which the caller
wants the answer. The core enforces it outside the plugin. A driver that passes it to its client, or
implements :meth:`~CloudHooks.abort`, gets its thread back sooner.

**Hints.** ``hints`` contains the values of the caller's header ``X-Cloud-Hints``. It is empty
unless the settings of the cloud allow hints. The class attribute ``hints``, for example
``hints = ("availability_zone",)``, lists the hints that the driver knows. The core refuses all
other hints.

**Answers.** The core checks each answer against the types in the hook's signature, and refuses an
answer of another type as an invalid answer. It also refuses a node, an image, a size or a VM whose
id differs from the requested id. An id is any text that a caller sends: escape it in URLs, with
``urllib.parse.quote(node_id, safe="")``. A plugin does not change an object that it has returned. A
plugin that knows without a request that a list is still the same may return the same tuple object
again: the core then neither checks nor encodes it a second time.

**Nodes to be changed.** Before the core changes a node (destroys, reboots, resizes or renames it,
powers it on or off, or makes an image of it), it looks the node up with ``get_node``, or else in
``list_nodes``. A driver that implements neither cannot have the hooks for these changes.

**Errors.** A hook raises subclasses of :class:`~orchestrator_core.OrchestratorError`. The core
reports any other exception as a failure of the cloud, without the exception's text. Exceptions of
requests, httpx and urllib for a failed connection or a missing answer count as
:class:`~orchestrator_core.CloudUnreachable` or :class:`~orchestrator_core.CloudTimeout`; the log
then has a hint for the author. After :class:`~orchestrator_core.CredentialsRefused` the core
creates a new object of the class, which reads its secrets again, and makes the call once more.

**Retries.** The core repeats a read after a temporary error
(:attr:`~orchestrator_core.CloudError.transient`). It repeats a change only if the error says that
nothing was done (``repeat_is_safe``). An error that refuses a change says with
:attr:`~orchestrator_core.OrchestratorError.nothing_done` whether something was done before the
refusal.

**Traces.** If the server makes traces, a hook runs in the OpenTelemetry context of its call. The
spans of instrumented libraries then belong to the request's trace.
:func:`~orchestrator_core.trace_headers` returns the HTTP headers that continue the trace in another
server.

**Tables.** A plugin may have tables in the server's database, ``context.state``
(:class:`~orchestrator_core.State`; None on a server without [state]). The class attribute
``migrations`` names the package with its Alembic revisions.

.. versionadded:: 0.1
"""

from __future__ import annotations

from orchestrator_core.hookspecs.assignment import AssignmentHooks
from orchestrator_core.hookspecs.cloud import CloudHooks, Hints
from orchestrator_core.hookspecs.extension import ExtensionHooks
from orchestrator_core.hookspecs.markers import PROJECT, hookimpl, hookspec

__all__ = [
    "PROJECT",
    "AssignmentHooks",
    "CloudHooks",
    "ExtensionHooks",
    "Hints",
    "hookimpl",
    "hookspec",
]
