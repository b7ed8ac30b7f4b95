"""Calls a driver's lists so that they come whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from orchestrator_core import OrchestratorError
from orchestrator_libcloud.paging import Pager, Rule
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
        if lists.first is not None:
            getattr(driver, lists.first)()
        try:
            found = list(lists.lists[name](driver) if name in lists.lists else call(**given))
        except Exception:
            # Some drivers make an error of their own out of every other.
            if (ours := next(_ours(pagers), None)) is not None:
                raise ours from None
            raise
    for passed_over in (error for pager in pagers for error in pager.passed_over):
        if not rule.tolerates(passed_over):
            raise passed_over
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


def _ours(pagers: list[Pager]) -> Iterator[OrchestratorError]:
    for pager in pagers:
        yield from (e for e in pager.passed_over if isinstance(e, OrchestratorError))


@contextmanager
def _pagers(driver: Any, lists: Lists, rule: Rule) -> Iterator[list[Pager]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(_stand_before(owner, name, rule))
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
def _stand_before(owner: Any, name: str, rule: Rule) -> Iterator[Pager]:
    pager = Pager(rule, getattr(owner, name))
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
