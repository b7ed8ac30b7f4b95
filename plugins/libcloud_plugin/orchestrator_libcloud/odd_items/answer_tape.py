"""Recorder of the answers from which a driver makes a list, which replays them with changes.

A :class:`Recorder` stands between the driver and the pager of one of its request methods. Answers
are replayed from their bodies, because a driver may have changed the parsed ones.
"""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, Final
from xml.etree import ElementTree as ET

from orchestrator_libcloud.answers.answer_trees import Edits, Path, is_element
from orchestrator_libcloud.answers.odd_memory import OddMemory
from orchestrator_libcloud.http.call import current
from orchestrator_libcloud.odd_items.answer_copies import Copier, Trace
from orchestrator_libcloud.odd_items.odd_values import first_of, is_made_of
from orchestrator_libcloud.paging.paging import ListStopped, Pager, Rule
from orchestrator_libcloud.patterns import Pattern

_NAMESPACE: Final = Pattern(r"\{[^}]*\}")
_UNSENDABLE: Final = (AttributeError, TypeError, LookupError, UnicodeError)
"""The errors of a request that a driver made from an odd value, raised before anything is sent."""


class Unrecorded(BaseException):
    """Error: a trial needs an answer that was not recorded; no driver may catch it."""


@dataclass
class World:
    """The recorded answers, as one trial sees them.

    Attributes:
        edits: the number of an answer to the changes in it.
        may_ask: whether requests without a recorded answer are sent; requests made from a changed
            value are never sent.
        trace: the record of the driver's reads from the answers.
        requests: the driver's requests, in order.
    """

    edits: Mapping[int, Edits] = field(default_factory=dict)
    may_ask: bool = False
    trace: Trace | None = None
    requests: list[str] = field(default_factory=list)


class Entry:
    """One request of a driver and its answer, with all its pages joined."""

    def __init__(self, remake: Callable[[], Any]) -> None:
        self._remake = remake
        self._answer: Any = None
        self._tree: Any = None

    @property
    def tree(self) -> Any:
        """Return the parsed answer as it was received. Do not change it."""
        if self._answer is None:
            self._answer = self._remake()
            self._tree = _tree_of(self._answer)
        return self._tree

    def given(self, number: int, world: World) -> Any:
        """Return the answer as a world has it."""
        tree = Copier(world.edits.get(number, {}), number, world.trace).copy(self.tree)
        return _with_tree(self._answer, tree)


class _Failed:
    """One request of a driver that failed.

    Args:
        error: the error that the driver gets, now and in each trial.
    """

    tree: Any = None

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def given(self, number: int, world: World) -> Any:
        """Raise the same error again."""
        raise self._error.with_traceback(None)


class Tape:
    """The answers of one list call.

    Args:
        kind: the kind of things in the list: ``node``.
        memory: the known odd items of the cloud.

    Attributes:
        known: the changes to the answers for known odd items, by answer.
        entries: the requests and answers, in order.
        world: the world from which the driver gets answers instead of the cloud; None while it
            calls the cloud.
        refused: the path of the last request that failed.
    """

    def __init__(self, kind: str = "item", memory: OddMemory | None = None) -> None:
        self.kind = kind
        self.memory = memory or OddMemory()
        self.known: dict[int, dict[Path, Any]] = {}
        self.entries: list[Entry | _Failed] = []
        self.world: World | None = None
        self.refused = ""
        self._numbers: dict[str, list[int]] = {}
        self._turns: dict[str, int] = {}
        self._unsent: list[tuple[Exception, str]] = []

    def play(self, world: World) -> None:
        """Replay the answers from the start, as this world has them."""
        self.world = world
        self._turns = {}

    def add(self, key: str, entry: Entry | _Failed) -> None:
        """Record an answer."""
        self._numbers.setdefault(key, []).append(len(self.entries))
        self.entries.append(entry)

    def mended(self, answer: Any) -> Any:
        """Return the last recorded answer as the driver gets it, with known odd fields mended."""
        tree = _tree_of(answer)
        edits = dict(self.memory.found_in(self.kind, tree))
        if not edits:
            return answer
        self.known[len(self.entries) - 1] = edits
        real = {path: first_of(value, 0) for path, value in edits.items()}
        return _with_tree(answer, Copier(real, shares=True).copy(tree))

    def add_failure(self, key: str, raised: BaseException, *, was_sent: bool = True) -> None:
        """Record a request that failed, which is not sent again either.

        Args:
            key: the request.
            raised: the error that the driver gets.
            was_sent: False if the driver made the request from a value that cannot be sent.
        """
        error = raised.error if isinstance(raised, ListStopped) else raised
        if not was_sent and isinstance(error, _UNSENDABLE) and not isinstance(error, OSError):
            self._unsent.append((error, key))
        self.add(key, _Failed(raised))

    def request_of(self, error: Exception) -> str | None:
        """Return the request that this error prevented from being sent; None for other errors."""
        return next((key for failure, key in self._unsent if failure is error), None)

    def number_of(self, key: str) -> int | None:
        """Return the number of the answer that a request gets now; None if it was never sent."""
        numbers = self._numbers.get(key)
        if numbers is None:
            return None
        turn = self._turns.get(key, 0)
        self._turns[key] = turn + 1
        return numbers[min(turn, len(numbers) - 1)]


class Recorder:
    """Recorder in front of one of a driver's request methods, for the time of one list call.

    Args:
        tape: the tape on which answers are recorded.
        rule: the rule for the next pages of the API's lists.
        request: the driver's method.
        name: the method's name.
        spares: takes an error and its request's path; returns whether the list is complete without
            it.

    Attributes:
        pager: the pager that fetches complete lists.
    """

    def __init__(
        self,
        tape: Tape,
        rule: Rule,
        request: Callable[..., Any],
        name: str,
        spares: Callable[[Exception, str], bool],
    ) -> None:
        self._tape = tape
        self._rule = rule
        self._name = name
        self._request = _Kept(request)
        self.pager = Pager(rule, self._request, spares)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Answer a driver's request: from the tape while it replays, else from the cloud."""
        # Google's driver changes the connection's own part of the path between requests.
        base = getattr(self._request.__self__, "request_path", "")
        key = f"{self._name} {base} {args!r} {sorted(kwargs.items(), key=repr)!r}"
        world = self._tape.world
        number = None if world is None else self._tape.number_of(key)
        if world is not None:
            world.requests.append(key)
        if world is not None and number is not None:
            self._rule.start(self._request, args, kwargs)  # which may clean up after the driver
            return self._tape.entries[number].given(number, world)
        if world is not None and not world.may_ask:
            raise Unrecorded
        if not self._is_honest(self._tape.known if world is None else world.edits, args, kwargs):
            raise Unrecorded
        return self._asked(key, args, kwargs)

    @staticmethod
    def _is_honest(
        edits: Mapping[int, Edits], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> bool:
        """Return whether a request is made only of the cloud's values, and not of replaced ones."""
        changes = [first_of(value, 0) for some in edits.values() for value in some.values()]
        path = args[0] if args else kwargs.get("action")
        return not is_made_of((path or "''", *args[1:], *kwargs.values()), changes)

    def _asked(self, key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        pages = self._request.begin()
        before = _count_sent()
        try:
            answer = self.pager(*args, **kwargs)
        except (ListStopped, Exception) as error:
            self._tape.refused = repr(args[:1])
            was_sent = bool(pages) or _was_sent(before) or _was_answered(error)
            self._tape.add_failure(key, error, was_sent=was_sent)
            raise
        # A function that referred to this object would close a cycle through the tape, which would
        # hold a long answer until Python's collector stops the whole process to find it.
        self._tape.add(key, Entry(partial(_joined, self._rule, pages)))
        # The tape has the answer as it came: each trial makes its own edits to an answer.
        return answer if self._tape.world is not None else self._tape.mended(answer)


def _count_sent() -> int:
    call = current()
    return 0 if call is None else call.exchange.count_sent


def _was_sent(before: int) -> bool:
    """Return whether a request was sent since then and the last one failed.

    A login may have succeeded before it.
    """
    call = current()
    return (
        call is not None
        and call.exchange.count_sent > before
        and not call.exchange.is_answered_well
    )


def _was_answered(raised: BaseException) -> bool:
    """Return whether an error was raised while a driver read the answer to a request."""
    error = raised.error if isinstance(raised, ListStopped) else raised
    answer: Any = importlib.import_module("libcloud.common.base").Response
    at = error.__traceback__
    while at is not None:
        if isinstance(at.tb_frame.f_locals.get("self"), answer):
            return True
        at = at.tb_next
    return False


class _Kept:
    """A request method that keeps its answers."""

    def __init__(self, request: Callable[..., Any]) -> None:
        self._request = request
        self.__self__ = getattr(request, "__self__", None)
        self._pages: list[Any] = []

    def begin(self) -> list[Any]:
        """Return the list to which further answers are added."""
        self._pages = []
        return self._pages

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        answer = self._request(*args, **kwargs)
        self._pages.append(answer)
        return answer


def _joined(rule: Rule, pages: list[Any]) -> Any:
    """Return the whole answer as it was before the driver had it."""
    first, *further = map(_fresh, pages)
    whole = rule.read(first)
    for answer in further:
        rule.join(whole, rule.read(answer))
    return rule.finish(whole, first)


def _fresh(answer: Any) -> Any:
    """Return an answer parsed again from its body."""
    if not hasattr(answer, "parse_body"):
        return answer
    made = copy.copy(answer)
    made.object = made.parse_body()
    if hasattr(made, "objects"):  # Linode's first API returns several at once
        made.objects, made.errors = made.object
    return made


def _tree_of(answer: Any) -> Any:
    if hasattr(answer, "objects"):
        return answer.objects
    if not hasattr(answer, "object"):
        return answer.json()
    return _parsed(answer.object) if isinstance(answer.object, str | bytes) else answer.object


def _parsed(body: str | bytes) -> Any:
    with suppress(ValueError):
        return json.loads(body)
    with suppress(ET.ParseError, ValueError):
        return ET.fromstring(body)  # noqa: S314 - expat stops entities that multiply
    return body


def _with_tree(answer: Any, tree: Any) -> Any:
    """Return a copy of an answer with this tree in it."""
    made = copy.copy(answer)
    if hasattr(answer, "objects"):
        made.objects = tree
    elif not hasattr(answer, "object"):
        return SimpleNamespace(status_code=answer.status_code, json=lambda: tree)
    else:
        made.body = _written(tree)
        made.object = made.body if isinstance(answer.object, str | bytes) else tree
    return made


def _written(tree: Any) -> str:
    if is_element(tree):
        return ET.tostring(_without_prefixes(tree), encoding="unicode")
    return tree if isinstance(tree, str) else json.dumps(tree, default=str)


def _without_prefixes(root: Any) -> Any:
    """Return a document whose names have the form that most drivers that read the text expect."""
    found = _NAMESPACE.match(root.tag)
    if found is None:
        return root
    made = copy.deepcopy(root)
    for element in made.iter():
        element.tag = element.tag.removeprefix(found[0])
    made.set("xmlns", found[0][1:-1])
    return made
