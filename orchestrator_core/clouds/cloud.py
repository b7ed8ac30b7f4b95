"""A configured cloud, with shared reads, changes that are made once, and a guarded plugin."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar

from orchestrator_core.clouds.driver import NO_HINTS, PAGES, Driver
from orchestrator_core.clouds.guard import Guard
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.clouds.plugin_handle import PluginHandle
from orchestrator_core.clouds.single_flight import SingleFlight
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.model import CloudDescription, Node
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.start_fields import TakenFields
from orchestrator_core.settings.deadlines import CLOUD_DEADLINES
from orchestrator_core.settings.model import CloudSettings

T = TypeVar("T")

Shape = Callable[[CloudDescription, Any], T]
"""A function that turns a cloud's answer into the caller's result.

Equal shapes of one answer run once for all waiting callers.
"""

_MOST_SHAPES: Final = 8
"""Number of shaped results that are cached with one answer at most."""


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A read of a cloud.

    Attributes:
        operation: the name of a method of :class:`Driver` that changes nothing, or of a hook that
            returns a whole list.
        shape: the function that shapes the answer. It runs in the cloud's threads too, because
            shaping a long answer takes long.
        parameters: the parameters of the method, in its order.
    """

    operation: str
    shape: Shape[T]
    parameters: Mapping[str, str | int | None] = field(default_factory=dict)


@dataclass(slots=True)
class _Answer:
    """The answer of a cloud.

    Attributes:
        begun: the time of the call, on the monotonic clock; the answer may be as old as that.
        shaped: the shaped results of the answer so far.
    """

    value: Any
    begun: float
    attempts: int
    shaped: dict[Hashable, Any]


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """The shaped answer of a read.

    Attributes:
        age: the seconds since the cloud was called.
        attempts: the number of calls that the read took.
    """

    value: T
    age: float
    attempts: int = field(default=1)


class Cloud:
    """One section ``[clouds.NAME]`` of the settings.

    Args:
        settings: the core's part of the section.
        handle: the handle of the plugin's object.
    """

    def __init__(self, settings: CloudSettings, handle: PluginHandle) -> None:
        self.name = settings.name
        self.settings = settings
        self.guard = Guard(
            f"Cloud {settings.name}",
            {"cloud": settings.name},
            settings,
            {**CLOUD_DEADLINES, **settings.deadlines},
            handle,
        )
        self._label = settings.provider_label
        self._description: CloudDescription | None = None
        self._flights = SingleFlight()
        self._kept: dict[Hashable, _Answer] = {}
        cache = settings.cache
        self._kept_for = {"list_images": cache.images, "list_sizes": cache.sizes}

    @property
    def failure(self) -> str:
        """The reason why the plugin cannot be used; empty when it can."""
        return self.guard.failure

    @property
    def hint_names(self) -> tuple[str, ...]:
        """The names of the hints that the cloud's driver knows.

        Raises:
            CloudUnavailable: when the plugin cannot be used.
        """
        return self.guard.hooks.words("hints")

    async def read(
        self,
        question: Question[T],
        max_age: float = math.inf,
        hints: Mapping[str, str] = NO_HINTS,
    ) -> Reading[T]:
        """Return the answer of a read: a new one, that of a running equal read, or a cached one.

        Args:
            question: the read.
            max_age: the age in seconds from which a cached answer is not used.
            hints: the caller's hints for the driver.

        Raises:
            OrchestratorError: see :meth:`Guard.call`.
        """
        operation, shape = question.operation, question.shape
        key = (operation, *question.parameters.values(), *sorted(hints.items()))
        answer = self._still_good(key, min(max_age, self.kept_for(operation)))
        if answer is None:
            answer = await self._flights.run(key, lambda: self._ask(question, hints, key))
        if shape in answer.shaped:
            shaped = answer.shaped[shape]
        else:
            shaped = await self._flights.run(
                (id(answer), shape), lambda: self._shape_too(operation, answer, shape)
            )
        return Reading(shaped, time.monotonic() - answer.begun, answer.attempts)

    async def change(
        self,
        operation: str,
        job: Callable[[Driver], T],
        permit: Permit,
        hints: Mapping[str, str] = NO_HINTS,
        seconds: float | None = None,
    ) -> T:
        """Change something in the cloud.

        A read that began before the end of the change is not shared with later callers.

        Args:
            operation: the operation, which determines the deadline.
            job: the function that makes the change with the driver of this call.
            permit: the permit, which the job asks just before it changes anything.
            hints: the caller's hints for the driver.
            seconds: the time limit; None for the operation's own deadline.

        Raises:
            OrchestratorError: see :meth:`Guard.call`.
        """
        return await self.guard.change(
            operation,
            lambda hooks, deadline: job(Driver(hooks, deadline, hints)),
            permit,
            self._flights.forget,
            seconds,
        )

    async def find_marked(self, marker: str) -> tuple[CloudDescription, Node]:
        """Return the node that was started with a marker.

        Raises:
            NodeNotFound: when no node carries the marker.
            Unsupported: when the nodes of this cloud cannot carry markers.
        """
        return await self._look_up("find_node", lambda driver: driver.find_node(marker))

    async def list_all(self) -> tuple[CloudDescription, Sequence[Node]]:
        """Return every node, read from the cloud now."""
        return await self._look_up("list_nodes", lambda driver: driver.list_nodes())

    async def look_at(
        self, node_id: str, seconds: float | None = None
    ) -> tuple[CloudDescription, Node]:
        """Return one node, read now, within the given seconds or the operation's own deadline.

        Raises:
            NodeNotFound: when there is no such node.
        """
        return await self._look_up("get_node", lambda driver: driver.get_node(node_id), seconds)

    async def find_named(
        self, name: str, seconds: float | None = None
    ) -> tuple[CloudDescription, Node]:
        """Return the one living node with a name, read now, as :meth:`look_at`.

        Raises:
            NodeNotFound: when no node has the name.
            NodeTerminated: when only terminated nodes have the name.
            InvalidParameter: when several living nodes have the name; the error names them.
        """
        return await self._look_up("list_nodes", lambda driver: driver.node_named(name), seconds)

    async def _look_up(
        self, operation: str, step: Callable[[Driver], T], seconds: float | None = None
    ) -> tuple[CloudDescription, T]:
        def job(hooks: Hooks, deadline: Deadline) -> tuple[CloudDescription, T]:
            driver = Driver(hooks, deadline)
            return self.describe(driver), step(driver)

        found, _ = await self.guard.call(operation, job, seconds=seconds)
        return found

    def describe(self, driver: Driver) -> CloudDescription:
        """Return the description of this cloud, with the label of the settings.

        The call blocks, because it may import an SDK.
        """
        if self._description is None:
            described = driver.describe()
            if self._label:
                described = replace(described, provider=self._label)
            self._description = described
        return self._description

    async def description(self) -> CloudDescription | OrchestratorError:
        """Return the description of this cloud, or the error that prevents it."""
        if self._description is not None:
            return self._description
        try:
            hooks = self.guard.hooks
            seconds = self.guard.seconds("check")
            return await self.guard.compute(
                lambda: self.describe(Driver(hooks, Deadline(seconds))), seconds
            )
        except OrchestratorError as error:
            return error

    async def check(self) -> None:
        """Check that the cloud can be reached with its credentials."""
        await self.guard.call("check", lambda hooks, deadline: Driver(hooks, deadline).check())

    def kept_for(self, operation: str) -> float:
        """Return the seconds for which answers to an operation are cached; 0 for never."""
        return self._kept_for.get(operation, 0.0)

    def pages(self, operation: str) -> bool:
        """Return whether a page of this list should be read alone, not cut out of the whole list.

        A cached list serves every page. If the plugin has no pages, the whole list is one read,
        whose answer all callers share.

        Raises:
            CloudUnavailable: when the plugin cannot be used.
        """
        hook = PAGES.get(operation)
        return hook is not None and not self.kept_for(operation) and self.guard.hooks.offers(hook)

    async def reason_against(self, operation: str) -> str | None:
        """Return why this cloud does not offer an operation; None when it does.

        Raises:
            CloudUnavailable: when the plugin cannot be used.
        """
        hooks = self.guard.hooks
        return await self.guard.compute(
            lambda: hooks.reason_against(operation), self.guard.seconds("check")
        )

    async def start_fields(self) -> TakenFields:
        """Return how this cloud takes each optional field of a start, or why it does not.

        Raises:
            OrchestratorError: when the plugin cannot be used, or does not tell.
        """
        hooks = self.guard.hooks
        known = hooks.known_start_fields
        if known is not None:
            return known
        return await self.guard.compute(hooks.start_fields, self.guard.seconds("check"))

    async def close(self) -> None:
        """Close connections and end threads."""
        await self.guard.close()

    async def _ask(
        self, question: Question[Any], hints: Mapping[str, str], key: Hashable
    ) -> _Answer:
        begun = time.monotonic()
        operation, shape = question.operation, question.shape
        arguments = tuple(question.parameters.values())

        def job(hooks: Hooks, deadline: Deadline) -> tuple[Any, Any]:
            driver = Driver(hooks, deadline, hints)
            description = self.describe(driver)
            value = driver.read(operation, *arguments)
            return value, shape(description, value)

        (value, shaped), attempts = await self.guard.call(operation, job)
        answer = _Answer(value, begun, attempts, {shape: shaped})
        # Only whole lists are cached: there may be any number of filters.
        if self.kept_for(operation) and not hints and not question.parameters:
            self._kept[key] = answer
        return answer

    async def _shape_too(self, operation: str, answer: _Answer, shape: Shape[T]) -> T:
        assert self._description is not None
        description = self._description
        seconds = self.guard.seconds(operation)
        shaped = await self.guard.compute(lambda: shape(description, answer.value), seconds)
        while len(answer.shaped) >= _MOST_SHAPES:
            del answer.shaped[next(iter(answer.shaped))]
        answer.shaped[shape] = shaped
        return shaped

    def _still_good(self, key: Hashable, seconds: float) -> _Answer | None:
        answer = self._kept.get(key)
        if answer is None or time.monotonic() - answer.begun >= seconds:
            return None
        return answer
