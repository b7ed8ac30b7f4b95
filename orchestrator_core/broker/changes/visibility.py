"""The wait until a cloud shows a VM that was started here a moment ago."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy import Connection, select

from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.ledger.vm import VmOrigin
from orchestrator_core.broker.operations.change import VmReference
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import NodeNotFound, NodeTerminated, StateUnavailable
from orchestrator_core.state.clock import now
from orchestrator_core.state.clock_watch import LAG
from orchestrator_core.state.tables import vms

T = TypeVar("T")

Ask = Callable[[float | None], Awaitable[T]]
"""A call of a cloud or a backend; its argument is the time limit in seconds, None for its own."""

_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 2.0
_GROWTH: Final = 1.5


async def until_shown(
    recorder: Recorder, cloud: Cloud, vm: VmReference, deadline: Deadline, ask: Ask[T]
) -> T:
    """Repeat a call while the cloud may not show a new VM yet; return the answer.

    Clouds are eventually consistent: for some seconds after a start has returned an instance's id,
    other calls of EC2 may not know the instance. No thread is held between two calls.

    Args:
        recorder: the recorder, with the VMs that were started here and the database's clock.
        cloud: the VM's cloud; its setting ``visibility_timeout`` is the longest wait.
        vm: the VM, by its id or its name.
        deadline: the deadline of the whole operation; no call begins after it.
        ask: the call; it raises NodeNotFound when the VM does not show.

    Raises:
        NodeNotFound: when the VM was not started here, was started longer ago than
            ``visibility_timeout``, was seen since, or does not show before the deadline.

    Source: Amazon EC2 API Reference, "Eventual consistency".
    """
    delay, left = _FIRST_DELAY, None
    while True:
        try:
            return await ask(left)
        except NodeTerminated:
            raise
        except NodeNotFound:
            if delay >= deadline.remaining() or not await _is_young(recorder, cloud, vm):
                raise
        await asyncio.sleep(delay)
        delay = min(_GROWTH * delay, _LONGEST_DELAY)
        left = deadline.remaining()


async def _is_young(recorder: Recorder, cloud: Cloud, vm: VmReference) -> bool:
    visibility = cloud.settings.visibility_timeout

    def read(connection: Connection) -> bool:
        # A jump of the database's clock must not make a VM look older.
        seconds = visibility + recorder.clock.gained(connection, visibility + LAG)
        return _has_young(connection, cloud.name, vm, seconds)

    try:
        return await recorder.database.read(read)
    except StateUnavailable:
        return False


def _has_young(connection: Connection, cloud: str, vm: VmReference, seconds: float) -> bool:
    """Return whether a VM was started here within the given seconds, and not seen since."""
    query = select(vms.c.id).where(
        vms.c.cloud == cloud,
        vms.c.gone_at.is_(None),
        vms.c.origin == VmOrigin.STARTED.value,
        vms.c.seen_at.is_(None),
        vms.c.created_at > now() - seconds,
    )
    if vm.node is not None:
        query = query.where(vms.c.node_id == vm.node)
    else:
        query = query.where(vms.c.name == vm.hostname)
    return connection.execute(query.limit(1)).first() is not None
