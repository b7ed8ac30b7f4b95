"""Calls of a driver's lists that return a complete list or raise an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final

from orchestrator_libcloud.http.call import current
from orchestrator_libcloud.listing.provider_gaps import spares
from orchestrator_libcloud.listing.provider_lists import LISTS, Lists, Who
from orchestrator_libcloud.nodes.state_maps import forget_unknown, tell_unknown
from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.nodes.to_json import plain
from orchestrator_libcloud.odd_items.answer_tape import Recorder, Tape, Unrecorded
from orchestrator_libcloud.odd_items.odd_items import Mender
from orchestrator_libcloud.odd_items.odd_refusals import named_refusal
from orchestrator_libcloud.odd_items.odd_trials import identified, is_mendable
from orchestrator_libcloud.paging.paging import ListStopped, Pager, Rule
from orchestrator_libcloud.replacement import replaced

_DRIVERS: Final = "libcloud.compute.drivers."
_NOTHING_KNOWN: Final = Lists("not known", Who.UNPAGED, "not known")


def fetch_all(
    driver: Any, name: str, call: Callable[..., Iterable[Any]], **given: Any
) -> list[Any]:
    """Call one of a driver's lists and return everything on it, each thing once.

    An item that the driver cannot read is returned without its odd field. A request that fails ends
    the list.

    Args:
        driver: the Libcloud driver object, lent to this thread alone.
        name: the list's name, such as ``list_nodes``.
        call: the driver's method of that name.
        given: the arguments of the method.

    Raises:
        InvalidAnswer: the provider repeats a page, leaves out its list, or sends an item that
            cannot be shown, which the message names.
        CloudError: the list continues, but the rest cannot be fetched.
        Exception: the error of a request that failed.
    """
    lists = lists_of(driver) or _NOTHING_KNOWN
    own = lists.lists.get(name) if not given else None

    def run() -> list[Any]:
        if lists.first is not None:
            getattr(driver, lists.first)()
        return identified(call(**given) if own is None else own(driver))

    forget_unknown(driver)
    call_now = current()
    memory = None if call_now is None else call_now.terms.odd_items
    tape = Tape(name.removeprefix("list_").removesuffix("s"), memory)
    with _pagers(driver, lists, tape) as pagers:
        found = _made(tape, run, pagers)
    tell_unknown(driver, found)
    if name in lists.shared_ids or all(pager.pages <= 1 for pager in pagers):
        return found
    return _each_once(found)


def _each_once(found: list[Any]) -> list[Any]:
    """Return the things of several pages without those that moved from one page to the next.

    Different things with the same id are all kept: hiding one of them would lose it.
    """
    known: dict[Any, list[Any]] = {}
    kept = []
    for thing in found:
        same_id = known.setdefault(thing.id, [])
        if not any(_is_same_thing(thing, other) for other in same_id):
            same_id.append(thing)
            kept.append(thing)
    return kept


def _is_same_thing(one: Any, other: Any) -> bool:
    """Return whether two things with the same id are one thing, read twice."""
    if getattr(one, "name", None) != getattr(other, "name", None):
        return False
    # A node's state and addresses may change between two pages; an image does not change.
    extras = [plain(getattr(thing, "extra", None)) for thing in (one, other)]
    return hasattr(one, "state") or extras[0] == extras[1]


def _made(tape: Tape, run: Callable[[], list[Any]], pagers: list[Pager]) -> list[Any]:
    """Return the driver's list from the answers, even if an answer has odd items.

    Args:
        tape: the recorder of the answers.
        run: makes the driver build the list.
        pagers: the pagers through which the answers pass.
    """
    try:
        try:
            found = run()
            return Mender(tape, run).shown(found) if tape.known else found
        except Unrecorded:
            return Mender(tape, run).made_anew()  # a known mend no longer works
        except ListStopped as stopped:
            error = stopped.error
            if tape.request_of(error) is None:  # sent, but the answer is not available
                raise
        except Exception as fallen:  # noqa: BLE001 - drivers raise whatever they like
            error = fallen
        passed_over = [refusal for pager in pagers for refusal in pager.passed_over]
        if error in passed_over:  # a refusal with which the driver does not continue
            raise named_refusal(tape, run, tape.kind, error) or error
        if not is_mendable(error, tape):
            raise error
        if tape.known:
            return Mender(tape, run).made_anew()
        return Mender(tape, run).mended(error)
    except ListStopped as stopped:
        error = stopped.error
        named = named_refusal(tape, run, tape.kind, error)
        # The cause of an error has the host and the system's error, for logs and commands.
        raise named or error from (error if named else error.__cause__)


def lists_of(driver: Any) -> Lists | None:
    """Return the entry for a driver's lists; None for a driver newer than the table."""
    names = (module.removeprefix(_DRIVERS) for module in modules(driver))
    return next((LISTS[name] for name in names if name in LISTS), None)


@contextmanager
def _pagers(driver: Any, lists: Lists, tape: Tape) -> Iterator[list[Pager]]:
    # If no rule is known, the driver handles a refusal in its own way.
    may_fail = partial(spares, driver) if lists.rule is not None else _anything
    rule = (lists.rule or Rule)()
    with ExitStack() as stack:
        recorders = [
            (owner, name, Recorder(tape, rule, getattr(owner, name), name, may_fail))
            for owner, name in _places(driver, lists.stands_before)
        ]
        for owner, name, recorder in recorders:
            stack.enter_context(replaced(owner, name, recorder))
        yield [recorder.pager for _, _, recorder in recorders]


def _anything(_error: Exception, _path: str) -> bool:
    return True


def _places(driver: Any, paths: Iterable[str]) -> Iterator[tuple[Any, str]]:
    for path in paths:
        *way, name = path.split(".")
        owner = driver
        for step in way:
            owner = getattr(owner, step, None)
        if hasattr(owner, name):
            yield owner, name
