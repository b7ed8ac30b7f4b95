"""Calls a driver's lists so that they come whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final

from orchestrator_libcloud.paging import ListStopped, Pager, Rule
from orchestrator_libcloud.provider_gaps import spares
from orchestrator_libcloud.provider_lists import LISTS, Lists
from orchestrator_libcloud.states import modules

_DRIVERS: Final = "libcloud.compute.drivers."


def whole(driver: Any, name: str, call: Callable[..., Iterable[Any]], **given: Any) -> list[Any]:
    """Call one of a driver's lists and return everything that is on it, each thing once.

    Args:
        driver: the Libcloud driver object, lent to this thread alone.
        name: the list's name, as ``list_nodes``.
        call: the driver's method of that name.
        given: what to call it with.

    Raises:
        NonsenseAnswer: when the provider repeats a page or leaves out its list.
        CloudError: when there is more that cannot be fetched.
    """
    lists = lists_of(driver)
    if lists is None or lists.rule is None:
        return list(call(**given))
    rule = lists.rule()
    with _pagers(driver, lists, rule) as pagers:
        try:
            if lists.first is not None:
                getattr(driver, lists.first)()
            found = list(lists.lists[name](driver) if name in lists.lists else call(**given))
        except ListStopped as stopped:
            raise stopped.error from None
    if name in lists.shared_ids or all(pager.pages <= 1 for pager in pagers):
        return found
    # What was made or deleted meanwhile has moved others from one page to the next.
    once: dict[Any, Any] = {}
    for thing in found:
        once.setdefault(thing.id, thing)
    return list(once.values())


def lists_of(driver: Any) -> Lists | None:
    """Return what is known of a driver's lists; None for a driver newer than the table."""
    names = (module.removeprefix(_DRIVERS) for module in modules(driver))
    return next((LISTS[name] for name in names if name in LISTS), None)


@contextmanager
def _pagers(driver: Any, lists: Lists, rule: Rule) -> Iterator[list[Pager]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(_stand_before(owner, name, rule, partial(spares, driver)))
            for owner, name in _places(driver, lists.stands_before)
        ]


def _places(driver: Any, paths: Iterable[str]) -> Iterator[tuple[Any, str]]:
    for path in paths:
        *way, name = path.split(".")
        owner = driver
        for step in way:
            owner = getattr(owner, step, None)
        if owner is not None:
            yield owner, name


@contextmanager
def _stand_before(
    owner: Any, name: str, rule: Rule, may_fail: Callable[[Exception, str], bool]
) -> Iterator[Pager]:
    pager = Pager(rule, getattr(owner, name), may_fail)
    # On the object, which is this thread's own; the class is everybody's.
    before = vars(owner).get(name)
    setattr(owner, name, pager)
    try:
        yield pager
    finally:
        if before is None:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
