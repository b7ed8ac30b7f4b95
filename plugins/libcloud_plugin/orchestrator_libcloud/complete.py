"""Calls a driver's lists so that they come whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from orchestrator_core import OrchestratorError
from orchestrator_libcloud.answer_tape import Recorder, Tape
from orchestrator_libcloud.odd_items import Mender, named_refusal
from orchestrator_libcloud.odd_trials import identified, is_mendable
from orchestrator_libcloud.paging import Pager, Rule
from orchestrator_libcloud.provider_lists import LISTS, Lists, Who
from orchestrator_libcloud.state_maps import forget_unknown, tell_unknown
from orchestrator_libcloud.states import modules

_DRIVERS: Final = "libcloud.compute.drivers."
_MISMADE: Final = (400, 404, 405, 414, 422)
"""Statuses for a request that was made of something wrong."""

_NOTHING_KNOWN: Final = Lists("not known", Who.NOBODY, "not known")


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
    lists = lists_of(driver) or _NOTHING_KNOWN
    rule = (lists.rule or Rule)()

    def run() -> list[Any]:
        if lists.first is not None:
            getattr(driver, lists.first)()
        swallowed.clear()
        own = lists.lists.get(name) if not given else None
        found = identified(call(**given) if own is None else own(driver))
        if fault := next((e for e in swallowed if is_mendable(e, tape, passed_over())), None):
            raise fault
        return found

    def passed_over() -> list[Exception]:
        return [error for pager in pagers for error in pager.passed_over]

    tape = Tape()
    kind = name.removeprefix("list_").removesuffix("s")
    forget_unknown(driver)
    swallowed: list[Exception] = []
    with _pagers(driver, lists, rule, tape) as pagers, _told(driver, lists, swallowed):
        try:
            found = run()
        except Exception as error:
            # Some drivers make an error of their own out of every other.
            if (ours := next(_ours(pagers), None)) is not None:
                raise ours from None
            if not is_mendable(error, tape, passed_over()):
                if _status(error) in _MISMADE and (named := named_refusal(tape, kind)) is not None:
                    raise named from error
                raise
            found = Mender(tape, run, kind).mended(error)
    tell_unknown(driver, found)
    for refused in passed_over():
        if not rule.tolerates(refused):
            raise refused
    if name in lists.shared_ids or all(pager.pages <= 1 for pager in pagers):
        return found
    # What was made or deleted meanwhile has moved others from one page to the next.
    once: dict[Any, Any] = {}
    for thing in found:
        once.setdefault(thing.id, thing)
    return list(once.values())


def _status(error: Exception) -> Any:
    return getattr(error, "http_code", None) or getattr(error, "code", None)


def lists_of(driver: Any) -> Lists | None:
    """Return what is known of a driver's lists; None for a driver newer than the table."""
    names = (module.removeprefix(_DRIVERS) for module in modules(driver))
    return next((LISTS[name] for name in names if name in LISTS), None)


def _ours(pagers: list[Pager]) -> Iterator[OrchestratorError]:
    for pager in pagers:
        yield from (e for e in pager.passed_over if isinstance(e, OrchestratorError))


@contextmanager
def _pagers(driver: Any, lists: Lists, rule: Rule, tape: Tape) -> Iterator[list[Pager]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(_stand_before(owner, name, rule, tape))
            for owner, name in _places(driver, lists.stands_before)
        ]


def _places(driver: Any, paths: Iterable[str]) -> Iterator[tuple[Any, str]]:
    for path in paths:
        *way, name = path.split(".")
        owner = driver
        for step in way:
            owner = getattr(owner, step, None)
        if hasattr(owner, name):
            yield owner, name


@contextmanager
def _stand_before(owner: Any, name: str, rule: Rule, tape: Tape) -> Iterator[Pager]:
    recorder = Recorder(tape, rule, getattr(owner, name), name)
    with _instead(owner, name, recorder):
        yield recorder.pager


@contextmanager
def _instead(owner: Any, name: str, other: Any) -> Iterator[None]:
    # On the object, which is this thread's own; the class is everybody's.
    before = vars(owner).get(name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        if before is None:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


@contextmanager
def _told(driver: Any, lists: Lists, swallowed: list[Exception]) -> Iterator[None]:
    """Note the errors of the driver's methods over which it passes."""

    def telling(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except Exception as error:
                swallowed.append(error)
                raise

        return call

    with ExitStack() as stack:
        for name in lists.swallowing:
            stack.enter_context(_instead(driver, name, telling(getattr(driver, name))))
        yield
