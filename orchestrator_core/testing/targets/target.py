"""A plugin behind a running API: the base of the targets of every kind."""

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
from orchestrator_core.testing.targets.api import V2, Answer, Api, Json
from orchestrator_core.testing.targets.serving import Served, serving
from orchestrator_core.testing.targets.subject import Subject

T = TypeVar("T")

_PAUSE: Final = 0.02
_LONGEST_VISIBILITY: Final = 1.0


class NotReady(Exception):
    """A behaviour cannot be checked; the cause is the failure of another behaviour."""


class NeedsFake(AssertionError):
    """The plugin has required settings, and no fake provides them.

    Args:
        faults: The errors of the settings, one a line.
    """

    def __init__(self, faults: str) -> None:
        missing = ", ".join(line.partition(".toml: ")[2] or line for line in faults.splitlines())
        super().__init__(
            'add an attribute fake = "module:function" to the class; it names a context manager '
            "that takes an orchestrator_core.testing.Stage and yields a Fake with settings; "
            f"these are required: {missing}"
        )


class DoesNotApply(Exception):
    """A behaviour does not apply to this plugin, for a reason that the result gives."""


class UnderTest:
    """A plugin behind an API that is served from its first use until :meth:`close`.

    Args:
        subject: The plugin.
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
        """The loaded plugin.

        Raises:
            PluginError: The plugin is not installed, or cannot be loaded.
        """
        return self.subject.record()

    @property
    def api(self) -> Api:
        """The client of the server."""
        return self.served.api

    @property
    def fake(self) -> Fake:
        """The fake that the plugin is tested against."""
        assert self.served is not None
        return self.fake_given

    @property
    def fake_given(self) -> Fake:
        """The fake, which is set up before the server starts."""
        assert self._fake is not None
        return self._fake

    @property
    def is_up(self) -> bool:
        """Whether the plugin is being served."""
        return self._served is not None

    @property
    def served(self) -> Served:
        """The server, which is started at the first use.

        Raises:
            NotReady: An earlier start of the server failed.
        """
        if self._served is None:
            if self._failure is not None:
                raise NotReady("the plugin could not be served")
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
            own: The plugin's own keys.
        """
        visibility = min(self.fake_given.settle, _LONGEST_VISIBILITY)
        return self.subject.settings(own, visibility=visibility)

    def close(self) -> None:
        """Stop the servers and remove the fake."""
        self._elsewhere.close()
        self._stack.close()

    def operations(self) -> Json:
        """Return the operations of the cloud, each with ``supported`` and ``reason``."""
        operations: Json = expect(self.api.get("/cloud/cloud"), 200)["cloud"]["operations"]
        return operations

    def secrets(self) -> set[str]:
        """Return the secrets to which the plugin's own settings refer."""
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
        """Check that no answer so far contains a secret.

        The plugin's messages are checked as they were before the core removed secrets: logs and
        tools that read the plugin's errors without the core have no such protection.
        """
        self._elsewhere.close()
        for secret in self.secrets():
            answers = [*self.api.answers, *self.served.witness.said, *self._said_elsewhere]
            leaks = [text for text in answers if secret in text]
            shown = leaks[0].replace(secret, "***") if leaks else ""
            assert not leaks, f"a secret of the settings appears in: {shown}"

    def raised_nothing_else(self) -> None:
        """Check that every call so far raised only errors of the contract."""
        self._elsewhere.close()
        raised = sorted({*self.served.witness.raised, *self._raised_elsewhere})
        assert not raised, f"the contract has no such errors: {raised}"

    def elsewhere(self, settings: Mapping[str, Any]) -> Served:
        """Serve the plugin in a second server, beside the first one.

        The second server runs until the secrets or the errors of the plugin are checked.

        Args:
            settings: The settings of the second server.
        """
        return self._elsewhere.enter_context(self._beside(settings))

    @contextmanager
    def _beside(self, data: Mapping[str, Any]) -> Iterator[Served]:
        with TemporaryDirectory(prefix="orchestrator-test-") as directory:
            with serving(data, Path(directory), file=self.fake.file) as served:
                yield served
            self._said_elsewhere += (*served.api.answers, *served.witness.said)
            self._raised_elsewhere += served.witness.raised  # includes the errors of ``close``

    def unclaimed(self, hooks: Sequence[str]) -> tuple[str, str] | None:
        """Return the first of these hooks that the plugin does not support, and the reason."""
        offered = self.operations() if hooks else {}
        for hook in hooks:
            if not offered[hook]["supported"]:
                return hook, str(offered[hook]["reason"])
        return None

    def must_answer(self, *hooks: str) -> None:
        """Raise an error if one of these hooks has blocked beyond its deadline before.

        Another call would only wait until the deadline again.

        Raises:
            NotReady: A hook has blocked; the message names it.
        """
        hanging = self.served.witness.hanging
        for hook in hooks:
            if hook in hanging:
                raise NotReady(f"{hook} blocks: {hanging[hook]}")

    def refuses(self, hook: str) -> None:
        """Check the refusal of a hook that the plugin does not support."""
        raise NotImplementedError

    def wait_for(
        self, look: Callable[[], T], wanted: Callable[[T], bool], what: str, more: float = 0.0
    ) -> T:
        """Poll until a condition holds, at most for the time that the fake needs to settle.

        Args:
            look: Returns the current value.
            wanted: Returns whether a value is the expected one.
            what: The expectation, for the error.
            more: Seconds to wait in addition, for work outside the fake.

        Returns:
            The first expected value.

        Raises:
            AssertionError: The condition did not hold in time; the message has the last value.
        """
        seconds = self.fake.settle + more
        ends_at = time.monotonic() + seconds
        while not wanted(seen := look()):
            assert time.monotonic() < ends_at, (
                f"within {seconds:g} s {what}; the last value was {str(seen)[:500]}"
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
    """Make all calls at the same time; return their results in the same order."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result() for future in [threads.submit(call) for call in calls]]


def expect(answer: Answer, status: int | tuple[int, ...], *words: str, code: str = "") -> Json:
    """Return an answer's JSON after a check of its status, message and code.

    Args:
        answer: The answer.
        status: The expected status, or several allowed ones.
        words: Texts that its message must contain.
        code: The expected ``error_code``; empty for any.

    Raises:
        AssertionError: The answer is not as expected.
    """
    statuses = status if isinstance(status, tuple) else (status,)
    wanted = " or ".join(map(str, statuses))
    assert answer.status in statuses, f"expected {wanted}: {answer}"
    assert not code or answer.error_code == code, f"expected the error_code {code!r}: {answer}"
    for word in words:
        assert word in answer.message, f"expected {word!r} in the message: {answer}"
    return answer.json


def all_ready(served: Served) -> None:
    """Check that every plugin in use could be configured.

    Raises:
        AssertionError: A plugin could not; the message names it.
    """
    for plugin in expect(served.api.get(f"{V2}/plugins"), 200)["plugins"]:
        for use in plugin["used_by"]:
            assert use["state"] == "ready", f"{plugin['name']}: {use['detail']}"


def distinct(things: Sequence[Mapping[str, Any]], key: str = "id") -> set[str]:
    """Return the ids of the items of a list, which must have no duplicates.

    Raises:
        AssertionError: The list has duplicates; the message names them.
    """
    ids = [thing[key] for thing in things]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    assert not twice, f"these are in the list more than once: {twice}"
    return set(ids)
