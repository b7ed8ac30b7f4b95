"""A plugin behind a running API: what the tests of every kind use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

from orchestrator_core.errors import SettingsError
from orchestrator_core.plugins.contract import settings_schema
from orchestrator_core.plugins.record import PluginRecord
from orchestrator_core.settings.paths import BASE_DIRECTORY, base_directory
from orchestrator_core.settings.secrets import Secret, SecretField, SecretMapping, is_reference
from orchestrator_core.testing.fake import Fake
from orchestrator_core.testing.targets.api import Answer, Api, Json
from orchestrator_core.testing.targets.serving import Served, serving
from orchestrator_core.testing.targets.subject import Subject

T = TypeVar("T")

_PAUSE: Final = 0.02
_LONGEST_VISIBILITY: Final = 1.0


class NotReady(Exception):
    """Nothing can be shown of this plugin, for a reason that another behaviour tells."""


class NeedsFake(AssertionError):
    """The plugin has settings that must be given, and nothing says which.

    Args:
        faults: of the settings, a line for each.
    """

    def __init__(self, faults: str) -> None:
        missing = ", ".join(line.partition(".toml: ")[2] or line for line in faults.splitlines())
        super().__init__(
            'the class needs an attribute fake = "module:function", which names a context manager '
            "that takes an orchestrator_core.testing.Stage and gives a Fake with settings; "
            f"without them: {missing}"
        )


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
        self._elsewhere = ExitStack()
        self._said_elsewhere: list[str] = []
        self._raised_elsewhere: list[str] = []

    @cached_property
    def plugin(self) -> PluginRecord:
        """The plugin, found and loaded.

        Raises:
            PluginError: when it is not installed, or cannot be loaded.
        """
        return self.subject.record()

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
                if isinstance(error, SettingsError) and self.subject.needs_fake(self.plugin):
                    raise NeedsFake(error.message) from None
                raise
        return self._served

    def _serve(self) -> Served:
        faked = self.subject.faked(self.plugin.factory)
        self._fake, directory = self._stack.enter_context(faked)
        settings, file = self.settings(self._fake.settings), self._fake.file
        return self._stack.enter_context(serving(settings, directory, self.factories, file))

    def settings(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of a server.

        Args:
            own: the plugin's own keys.
        """
        assert self._fake is not None
        visibility = min(self._fake.settle, _LONGEST_VISIBILITY)
        return self.subject.settings(own, visibility=visibility)

    def close(self) -> None:
        """Take the servers and the fake down."""
        self._elsewhere.close()
        self._stack.close()

    def operations(self) -> Json:
        """Return what is offered at the cloud, each with ``supported`` and ``reason``."""
        operations: Json = expect(self.api.get("/cloud/cloud"), 200)["cloud"]["operations"]
        return operations

    def secrets(self) -> set[str]:
        """Return what the references in the plugin's own settings stand for."""
        own = self.fake.settings
        schema = settings_schema(self.plugin.factory)()
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
        """Hold every answer that came to the rule that no secret is in it.

        What the plugin said counts as it was before the core took the secret out: logs and
        tools that read the plugin's errors without the core have no such help.
        """
        self._elsewhere.close()
        for secret in self.secrets():
            answers = [*self.api.answers, *self.served.witness.said, *self._said_elsewhere]
            leaks = [text for text in answers if secret in text]
            shown = leaks[0].replace(secret, "***") if leaks else ""
            assert not leaks, f"a secret of the settings shows in: {shown}"

    def raised_nothing_else(self) -> None:
        """Hold every call that was made to the contract's errors."""
        self._elsewhere.close()
        raised = sorted({*self.served.witness.raised, *self._raised_elsewhere})
        assert not raised, f"raised: {raised}"

    def elsewhere(self, settings: Mapping[str, Any]) -> Served:
        """Serve the plugin once more, in a server beside, without losing anything.

        It ends when it is asked what was said and raised.

        Args:
            settings: of that server.
        """
        return self._elsewhere.enter_context(self._beside(settings))

    @contextmanager
    def _beside(self, data: Mapping[str, Any]) -> Iterator[Served]:
        with TemporaryDirectory(prefix="orchestrator-test-") as directory:
            with serving(data, Path(directory), file=self.fake.file) as served:
                yield served
            self._said_elsewhere += (*served.api.answers, *served.witness.said)
            self._raised_elsewhere += served.witness.raised  # what closing raises, too

    def unclaimed(self, hooks: Sequence[str]) -> tuple[str, str] | None:
        """Return the first of these hooks that the plugin does not claim, and why."""
        offered = self.operations() if hooks else {}
        for hook in hooks:
            if not offered[hook]["supported"]:
                return hook, str(offered[hook]["reason"])
        return None

    def must_answer(self, *hooks: str) -> None:
        """Do nothing if none of these hooks has kept a call beyond its deadline before.

        Each further call would take as long, and tell nothing new.

        Raises:
            NotReady: naming one that has.
        """
        hanging = self.served.witness.hanging
        for hook in hooks:
            if hook in hanging:
                raise NotReady(f"{hook} blocks: {hanging[hook]}")

    def refuses(self, hook: str) -> None:
        """Hold the refusal of what is not claimed to the document."""
        raise NotImplementedError

    def wait_for(
        self, look: Callable[[], T], wanted: Callable[[T], bool], what: str, more: float = 0.0
    ) -> T:
        """Look again and again, as long as the fake needs to settle.

        Args:
            look: returns what is there now.
            wanted: whether it is as it should be.
            what: was to happen, for the error.
            more: seconds that others than the fake may need.

        Raises:
            AssertionError: when it never is as wanted; with what was seen last.
        """
        seconds = self.fake.settle + more
        ends_at = time.monotonic() + seconds
        while not wanted(seen := look()):
            assert time.monotonic() < ends_at, (
                f"within {seconds:g} s {what}; seen last: {str(seen)[:500]}"
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


def expect(answer: Answer, status: int | tuple[int, ...], *words: str, code: str = "") -> Json:
    """Return an answer's JSON if it is as expected.

    Args:
        answer: what came.
        status: that it has, or one of those.
        words: that its message must have.
        code: its word for programs, if it must have one.

    Raises:
        AssertionError: when it is otherwise.
    """
    statuses = status if isinstance(status, tuple) else (status,)
    wanted = " or ".join(map(str, statuses))
    assert answer.status in statuses, f"expected {wanted}: {answer}"
    assert not code or answer.error_code == code, f"expected the error_code {code!r}: {answer}"
    for word in words:
        assert word in answer.message, f"expected {word!r} in the message: {answer}"
    return answer.json


def all_ready(served: Served) -> None:
    """Hold a server to it that every plugin in use could be set up.

    Raises:
        AssertionError: naming the first that could not.
    """
    for plugin in expect(served.api.get("/plugins"), 200)["plugins"]:
        for use in plugin["used_by"]:
            assert use["state"] == "ready", f"{plugin['name']}: {use['message']}"


def distinct(things: Sequence[Mapping[str, Any]], key: str = "id") -> set[str]:
    """Return the ids of things, none of which may come twice.

    Raises:
        AssertionError: naming those that do.
    """
    ids = [thing[key] for thing in things]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    assert not twice, f"these come more than once: {twice}"
    return set(ids)
