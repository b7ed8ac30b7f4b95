"""The fair queue: shares of callers, a lane for changes, no idle thread, no starvation."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core.fair_queue import FairQueue, spare_of
from orchestrator_core.origin import Lane, Origin

CALLERS = ("a", "b", "c")
ORIGINS = [Origin(caller, lane) for caller in CALLERS for lane in Lane]

Item = tuple[int, Origin]


def fill(queue: FairQueue[Item], one: Origin, count: int) -> list[Item]:
    items = [(number, one) for number in range(count)]
    for item in items:
        queue.add(item, [one])
    return items


def take_all(queue: FairQueue[Item]) -> list[Item]:
    return list(iter(queue.take, None))


def reads(caller: str) -> Origin:
    return Origin(caller, Lane.READ)


def changes(caller: str) -> Origin:
    return Origin(caller, Lane.CHANGE)


class Model:
    """A queue in use, and the invariants of every step."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.queue: FairQueue[Item] = FairQueue(threads)
        self.numbers = itertools.count()
        self.waiting: dict[Item, set[Origin]] = {}
        self.running: list[tuple[Item, Origin]] = []

    def add(self, one: Origin, more: list[Origin]) -> None:
        item = (next(self.numbers), one)
        origins = [one, *more]
        self.queue.add(item, origins)
        self.waiting[item] = set(origins)

    def remove(self, index: int) -> None:
        if self.waiting:
            item = list(self.waiting)[index % len(self.waiting)]
            assert self.queue.remove(item)
            assert not self.queue.remove(item)
            del self.waiting[item]

    def end(self, index: int) -> None:
        if self.running:
            item, _ = self.running.pop(index % len(self.running))
            self.queue.release(item)

    def take(self) -> None:
        allowed = self.allowed()
        assert self.queue.is_ready == bool(allowed)
        item = None if len(self.running) >= self.threads else self.queue.take()
        if len(self.running) >= self.threads:
            return
        if item is None:
            assert not allowed  # No thread is idle while an item may run.
            return
        origins = self.waiting.pop(item) & allowed
        charged = self.charged_to(origins)
        # Of the callers that may run, the one with the fewest running items is next.
        assert self.before(charged) == min(self.before(one) for one in allowed)
        self.running.append((item, charged))

    def charged_to(self, origins: set[Origin]) -> Origin:
        """Return the origin in whose turn an item was taken just now."""
        callers = [c for c in CALLERS if self.queue.running_of(c) > self.total(c)]
        (found,) = callers
        lanes = [one for one in sorted(origins) if one.caller == found]
        return next(one for one in lanes if self.queue.running_in(one) > self.count(one))

    def count(self, origin: Origin) -> int:
        return sum(one == origin for _, one in self.running)

    def before(self, origin: Origin) -> int:
        """Return the number of items that count as taken before an origin's next one."""
        return self.total(origin.caller) if self.count(origin) else 0

    def total(self, caller: str) -> int:
        return sum(one.caller == caller for _, one in self.running)

    def allowed(self) -> set[Origin]:
        """Return the origins of waiting items that may run, by the documented limits."""
        spare = spare_of(self.threads)
        counts = Counter(one for _, one in self.running)
        return {
            one
            for origins in self.waiting.values()
            for one in origins
            if sum(counts[Origin(caller, one.lane)] for caller in CALLERS) < self.threads - spare
            and self.total(one.caller) < self.threads - spare
            and counts[one] < self.threads - 2 * spare
        }


STEPS = st.one_of(
    st.tuples(
        st.just("add"), st.sampled_from(ORIGINS), st.lists(st.sampled_from(ORIGINS), max_size=1)
    ),
    st.tuples(st.just("take")),
    st.tuples(st.just("end"), st.integers(0, 50)),
    st.tuples(st.just("remove"), st.integers(0, 50)),
)

MANY_STEPS = st.lists(st.tuples(STEPS, st.integers(1, 6)), max_size=30)
"""Each step this often: only a queue with many waiting and running items reaches its limits."""


@settings(max_examples=200, deadline=None)
@given(threads=st.sampled_from([1, 2, 3, 4, 5, 8, 16]), steps=MANY_STEPS)
def test_limits_hold_and_no_thread_is_idle(threads: int, steps: list[Any]) -> None:
    model = Model(threads)
    for (name, *arguments), times in steps:
        for _ in range(times):
            getattr(model, name)(*arguments)
            assert len(model.queue) == len(model.waiting)
    while model.waiting or model.running:  # Nothing starves: all items run in the end.
        for _ in range(threads):
            model.take()
        model.end(0)
    assert not model.queue.is_ready


def test_a_caller_alone_gets_all_threads_but_the_spare_ones() -> None:
    queue: FairQueue[Item] = FairQueue(8)
    fill(queue, reads("a"), 100)
    assert len(take_all(queue)) == 6
    fill(queue, changes("a"), 100)
    assert len(take_all(queue)) == 1
    assert queue.running_of("a") == 7


def test_reads_of_all_callers_leave_a_thread_to_a_change() -> None:
    queue: FairQueue[Item] = FairQueue(8)
    for caller in CALLERS:
        fill(queue, reads(caller), 10)
    assert len(take_all(queue)) == 7
    fill(queue, changes("a"), 1)
    assert len(take_all(queue)) == 1


def test_a_change_goes_ahead_of_reads_and_a_read_is_not_starved() -> None:
    queue: FairQueue[Item] = FairQueue(1)
    fill(queue, reads("a"), 20)
    fill(queue, changes("b"), 20)
    lanes = []
    for _ in range(10):
        item = queue.take()
        assert item is not None
        lanes.append(item[1].lane)
        queue.release(item)
    assert lanes == [*[Lane.CHANGE] * 4, Lane.READ] * 2


def test_callers_take_turns() -> None:
    queue: FairQueue[Item] = FairQueue(1)
    fill(queue, reads("a"), 700)
    fill(queue, reads("b"), 2)
    taken = []
    for _ in range(4):
        item = queue.take()
        assert item is not None
        taken.append(item[1].caller)
        queue.release(item)
    assert taken == ["a", "b", "a", "b"]


def test_threads_that_become_free_go_to_the_caller_that_has_fewest() -> None:
    queue: FairQueue[Item] = FairQueue(8)
    fill(queue, reads("a"), 100)
    busy = take_all(queue)
    fill(queue, reads("b"), 100)
    for item in busy[:3]:
        queue.release(item)
    take_all(queue)
    assert (queue.running_of("a"), queue.running_of("b")) == (4, 3)  # as even as 7 can be


@pytest.mark.parametrize("threads", [2, 8])
def test_a_caller_s_changes_do_not_starve_its_reads_beside_those_of_another(threads: int) -> None:
    queue: FairQueue[Item] = FairQueue(threads)
    fill(queue, reads("a"), 100)
    fill(queue, changes("b"), 100)
    running = list(itertools.islice(iter(queue.take, None), threads))
    fill(queue, reads("b"), 1)
    for _ in range(6 * threads):
        queue.release(running.pop(0))
        running += itertools.islice(iter(queue.take, None), threads - len(running))
        if (0, reads("b")) in running:
            return
    pytest.fail("only the other caller's reads were taken")


def test_a_caller_s_changes_are_not_ahead_of_another_one_s_share() -> None:
    queue: FairQueue[Item] = FairQueue(8)
    fill(queue, changes("a"), 100)
    busy = take_all(queue)
    fill(queue, reads("b"), 100)
    for item in busy[:3]:
        queue.release(item)
    for _ in range(5):
        queue.take()
    assert (queue.running_of("a"), queue.running_of("b")) == (4, 4)


@pytest.mark.parametrize(("many", "one"), [(changes, reads), (reads, changes)])
def test_a_caller_s_first_item_in_a_lane_does_not_wait_for_its_share(many: Any, one: Any) -> None:
    queue: FairQueue[Item] = FairQueue(8)
    fill(queue, many("a"), 4)
    take_all(queue)
    fill(queue, one("b"), 100)
    busy = list(itertools.islice(iter(queue.take, None), 4))
    first, second = fill(queue, one("a"), 2)
    queue.release(busy[0])
    assert queue.take() == first
    queue.release(busy[1])
    assert queue.take() != second  # a has 5 of the 8 threads now


def test_what_two_callers_wait_for_goes_by_the_turn_of_each() -> None:
    queue: FairQueue[Item] = FairQueue(1)
    *_, last = fill(queue, reads("a"), 100)
    queue.join(last, reads("b"))
    first = queue.take()
    assert first is not None
    queue.release(first)
    assert queue.take() == last
    assert len(queue) == 98


def test_the_caller_that_has_most_makes_room() -> None:
    queue: FairQueue[Item] = FairQueue(8)
    *_, newest = fill(queue, reads("a"), 10)
    assert queue.push_out(reads("a")) is None
    assert queue.push_out(reads("b")) == newest
    fill(queue, reads("b"), 8)
    assert queue.push_out(reads("b")) is None


def test_a_change_makes_room_among_its_own_caller_s_reads() -> None:
    queue: FairQueue[Item] = FairQueue(8)
    *_, newest = fill(queue, reads("a"), 2)
    assert queue.push_out(changes("a")) == newest


def test_what_others_wait_for_is_not_pushed_out() -> None:
    queue: FairQueue[Item] = FairQueue(8)
    one, two = fill(queue, reads("a"), 2)
    queue.join(two, reads("b"))
    fill(queue, changes("a"), 3)
    assert queue.push_out(reads("c")) == one


@pytest.mark.parametrize("threads", range(1, 33))
def test_there_is_a_thread_for_each_lane_and_caller(threads: int) -> None:
    queue: FairQueue[Item] = FairQueue(threads)
    fill(queue, reads("a"), 100)
    assert 0 < len(take_all(queue)) <= threads
    assert threads < 4 or spare_of(threads) >= 1
