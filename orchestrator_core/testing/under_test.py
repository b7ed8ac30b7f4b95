"""A plugin behind a running API: what the tests of every kind use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

from orchestrator_core.plugins.contract import settings_schema
from orchestrator_core.settings.paths import BASE_DIRECTORY, base_directory
from orchestrator_core.settings.secrets import Secret, SecretField, SecretMapping, is_reference
from orchestrator_core.testing.api import Answer, Api, Json
from orchestrator_core.testing.fake import Fake
from orchestrator_core.testing.serving import Served, serving
from orchestrator_core.testing.subject import Subject

T = TypeVar("T")

_PAUSE: Final = 0.05


class NotReady(Exception):
    """Nothing can be shown of this plugin, for a reason that another behaviour tells."""


class DoesNotApply(Exception):
    """A behaviour is not asked of this plugin, for a reason that the result tells."""


class UnderTest:
    """Serves a plugin at the first use, until :meth:`close`.

    Args:
        subject: the plugin.
    """

    factories: Mapping[str, type] = {}

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._stack = ExitStack()
        self._served: Served | None = None
        self._fake: Fake | None = None
        self._failure: Exception | None = None

    @property
    def api(self) -> Api:
        """The API that serves it."""
        return self.served.api

    @property
    def fake(self) -> Fake:
        """What it is tested against."""
        assert self.served is not None
        assert self._fake is not None
        return self._fake

    @property
    def is_up(self) -> bool:
        """Whether it is served just now."""
        return self._served is not None

    @property
    def served(self) -> Served:
        """The server.

        Raises:
            NotReady: when it could not be started before.
        """
        if self._served is None:
            if self._failure is not None:
                raise NotReady("it could not be served")
            try:
                self._served = self._serve()
            except Exception as error:
                self._failure = error
                raise
        return self._served

    def _serve(self) -> Served:
        self._fake, directory = self._stack.enter_context(self.subject.faked())
        settings, file = self.subject.settings(self._fake.settings), self._fake.file
        return self._stack.enter_context(serving(settings, directory, self.factories, file))

    def close(self) -> None:
        """Take the server and the fake down."""
        self._stack.close()

    def operations(self) -> Json:
        """Return what is offered at the cloud, each with ``supported`` and ``reason``."""
        operations: Json = expect(self.api.get("/cloud/cloud"), 200)["cloud"]["operations"]
        return operations

    def secrets(self) -> set[str]:
        """Return what the references in the plugin's own settings stand for."""
        own = self.fake.settings
        schema = settings_schema(self.subject.record().factory)()
        kept = {
            name: own.get(name)
            for name, field in schema.fields.items()
            if isinstance(field, SecretField | SecretMapping)
        }
        base = BASE_DIRECTORY.set(base_directory(self.fake.file))
        try:
            return {Secret(text).reveal() for text in _texts(kept) if is_reference(text)}
        finally:
            BASE_DIRECTORY.reset(base)

    def shows_no_secret(self) -> None:
        """Hold every answer that came to the rule that no secret is in it."""
        for secret in self.secrets():
            leaks = [text for text in self.api.answers if secret in text]
            shown = leaks[0].replace(secret, "***") if leaks else ""
            assert not leaks, f"a secret of the settings shows in: {shown}"

    def raised_nothing_else(self) -> None:
        """Hold every call that was made to the contract's errors."""
        raised = sorted(set(self.served.witness.raised))
        assert not raised, f"raised: {raised}"

    @contextmanager
    def elsewhere(self, own: Mapping[str, Any]) -> Iterator[Api]:
        """Serve the plugin once more, with other settings of its own, and without what was lost.

        Args:
            own: its own keys, and such of the core's as are to be different.
        """
        data = self.subject.settings(own)
        with (
            TemporaryDirectory(prefix="orchestrator-test-") as directory,
            serving(data, Path(directory), file=self.fake.file) as served,
        ):
            yield served.api

    def unclaimed(self, hooks: Sequence[str]) -> tuple[str, str] | None:
        """Return the first of these hooks that the plugin does not claim, and why."""
        offered = self.operations() if hooks else {}
        for hook in hooks:
            if not offered[hook]["supported"]:
                return hook, str(offered[hook]["reason"])
        return None

    def refuses(self, hook: str) -> None:
        """Hold the refusal of what is not claimed to the document."""
        raise NotImplementedError

    def wait_for(self, look: Callable[[], T], wanted: Callable[[T], bool], what: str) -> T:
        """Look again and again, as long as the fake needs to settle.

        Raises:
            AssertionError: when it never is as wanted; with what was seen last.
        """
        ends_at = time.monotonic() + self.fake.settle
        while not wanted(seen := look()):
            assert time.monotonic() < ends_at, (
                f"within {self.fake.settle:g} s {what}; seen last: {str(seen)[:500]}"
            )
            time.sleep(_PAUSE)
        return seen


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls at the same time; return what they return, in their order."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result() for future in [threads.submit(call) for call in calls]]


def expect(answer: Answer, status: int, *words: str) -> Json:
    """Return an answer's JSON if it is as expected.

    Raises:
        AssertionError: when it has another status, or lacks one of the words in its message.
    """
    assert answer.status == status, f"expected {status}: {answer}"
    for word in words:
        assert word in answer.message, f"expected {word!r} in the message: {answer}"
    return answer.json


def distinct(things: Sequence[Mapping[str, Any]], key: str = "id") -> set[str]:
    """Return the ids of things, none of which may come twice.

    Raises:
        AssertionError: naming those that do.
    """
    ids = [thing[key] for thing in things]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    assert not twice, f"these come more than once: {twice}"
    return set(ids)
