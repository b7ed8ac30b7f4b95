"""A configured cloud: its reads are shared, its changes are made once, its plugin is guarded."""

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
from orchestrator_core.settings.deadlines import CLOUD_DEADLINES
from orchestrator_core.settings.model import CloudSettings

T = TypeVar("T")

Shape = Callable[[CloudDescription, Any], T]
"""Makes of a cloud's answer what a caller gets; equal ones are run once for all who wait."""

_MOST_SHAPES: Final = 8
"""How many shapes of one kept answer are kept with it."""


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """What is asked of a cloud.

    Attributes:
        operation: a method of :class:`Driver` that changes nothing.
        shape: run in the cloud's threads too, since long answers take long to shape.
        parameters: the method's, in its order.
    """

    operation: str
    shape: Shape[T]
    parameters: Mapping[str, str | int | None] = field(default_factory=dict)


@dataclass(slots=True)
class _Answer:
    """What a cloud said.

    Attributes:
        begun: when it was asked, on the monotonic clock: it is no younger than that.
        shaped: what has been made of it already.
    """

    value: Any
    begun: float
    attempts: int
    shaped: dict[Hashable, Any]


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A read's answer, shaped.

    Attributes:
        age: seconds since the cloud was asked for it.
        attempts: how many times it was asked.
    """

    value: T
    age: float
    attempts: int = field(default=1)


class Cloud:
    """One ``[clouds.NAME]`` of the settings.

    Args:
        settings: the core's part of them.
        plug: the plugin's object.
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
        """Why the plugin cannot be used; empty when it can."""
        return self.guard.failure

    @property
    def hint_names(self) -> tuple[str, ...]:
        """The hints that its driver knows.

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
        """Ask the cloud, or join who asks the same already, or use what was kept.

        Args:
            question: what is asked.
            max_age: seconds; what was kept for longer will not do.
            hints: what the caller wants the driver to know.

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
        """Change something in the cloud; reads that began before its end are not joined after it.

        Args:
            operation: whose deadline holds.
            job: given the driver for this call.
            permit: asked by the job just before it changes anything.
            hints: what the caller wants the driver to know.
            seconds: how long it may take; None for the operation's own deadline.

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
        """The node that was started with this marker.

        Raises:
            NodeNotFound: when no node carries it.
            Unsupported: when this cloud's nodes cannot carry any.
        """
        return await self._look_up("find_node", lambda driver: driver.find_node(marker))

    async def list_all(self) -> tuple[CloudDescription, Sequence[Node]]:
        """Every node, asked for now."""
        return await self._look_up("list_nodes", lambda driver: driver.list_nodes())

    async def look_at(
        self, node_id: str, seconds: float | None = None
    ) -> tuple[CloudDescription, Node]:
        """One node, asked for now; in so many seconds, or by the operation's own deadline.

        Raises:
            NodeNotFound: when there is none.
        """
        return await self._look_up("get_node", lambda driver: driver.get_node(node_id), seconds)

    async def find_named(
        self, name: str, seconds: float | None = None
    ) -> tuple[CloudDescription, Node]:
        """The one living node of that name, asked for now, as :meth:`look_at`.

        Raises:
            NodeNotFound: when there is none.
            NodeTerminated: when only nodes that have ended had it.
            InvalidParameter: when there are several; it names them.
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
        """What this cloud is, under the label of the settings. May import an SDK: blocks."""
        if self._description is None:
            described = driver.describe()
            if self._label:
                described = replace(described, provider=self._label)
            self._description = described
        return self._description

    async def description(self) -> CloudDescription | OrchestratorError:
        """What this cloud is, or why that cannot be said."""
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
        """Find out whether the cloud can be reached with these credentials."""
        await self.guard.call("check", lambda hooks, deadline: Driver(hooks, deadline).check())

    def kept_for(self, operation: str) -> float:
        """Seconds that answers to this operation are kept; 0 when they are not."""
        return self._kept_for.get(operation, 0.0)

    def pages(self, operation: str) -> bool:
        """Whether a part of this list is better asked for than cut out of the whole.

        A list that is kept serves every part of it. And where the plugin has no pages the whole
        list is one question, whose answer all callers share.

        Raises:
            CloudUnavailable: when the plugin cannot be used.
        """
        hook = PAGES.get(operation)
        return hook is not None and not self.kept_for(operation) and self.guard.hooks.offers(hook)

    async def reason_against(self, operation: str) -> str | None:
        """Say why this cloud does not offer an operation; None when it does.

        Raises:
            CloudUnavailable: when the plugin cannot be used.
        """
        hooks = self.guard.hooks
        return await self.guard.compute(
            lambda: hooks.reason_against(operation), self.guard.seconds("check")
        )

    async def close(self) -> None:
        """Let go of connections and threads."""
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
            value = getattr(driver, operation)(*arguments)
            return value, shape(description, value)

        (value, shaped), attempts = await self.guard.call(operation, job)
        answer = _Answer(value, begun, attempts, {shape: shaped})
        if self.kept_for(operation) and not hints:
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
