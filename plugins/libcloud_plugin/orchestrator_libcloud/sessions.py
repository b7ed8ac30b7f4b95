"""The driver objects of one cloud: one for each thread, since Libcloud's are not thread-safe."""

from __future__ import annotations

import importlib
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from orchestrator_core import Deadline, PluginError, reveal_all
from orchestrator_libcloud import providers
from orchestrator_libcloud.arguments import constructor_arguments
from orchestrator_libcloud.call import Call, Terms, under
from orchestrator_libcloud.openstack.shared import PROVIDERS, SharedCloud
from orchestrator_libcloud.raw_items import keep_raw_items
from orchestrator_libcloud.repairs import repair
from orchestrator_libcloud.states import correct_states
from orchestrator_libcloud.trail import Trail
from orchestrator_libcloud.watchdog import watchdog

_IN_PROCESS: Final = frozenset({"dummy"})
"""Providers whose cloud lives in the driver object itself, so that all threads share one."""


class Sessions:
    """Makes driver objects when they are needed and forgets them when told to.

    Args:
        settings: the cloud's, as its schema loaded them.
        cloud: its name, for messages.
    """

    def __init__(self, settings: Mapping[str, Any], cloud: str = "?") -> None:
        self._settings = settings
        self._cloud = cloud
        self._lock = threading.RLock()
        self._is_shared = settings["provider"] in _IN_PROCESS
        self._local: Any = _Shared() if self._is_shared else threading.local()
        self._driver_class: Any = None
        is_openstack = settings["provider"] in PROVIDERS
        self._openstack = SharedCloud(settings, cloud) if is_openstack else None
        # A thread's own is gone with the thread.
        self._held: weakref.WeakSet[_Held] = weakref.WeakSet()
        self._is_closed = False

    def driver_class(self) -> Any:
        """Return the provider's driver class; imports its module at the first call.

        Raises:
            PluginError: when it cannot be imported.
        """
        with self._lock:
            if self._driver_class is None:
                provider = self._settings["provider"]
                try:
                    self._driver_class = providers.load(provider)
                except ImportError as error:
                    raise PluginError(
                        f"Provider {provider!r} needs the package {error.name}, "
                        "which is not installed"
                    ) from error
                # It imports Libcloud, which is not loaded before a cloud is used.
                transport = importlib.import_module("orchestrator_libcloud.transport")
                transport.install(self._driver_class)
            return self._driver_class

    @contextmanager
    def driver(self, deadline: Deadline, trail: Trail | None = None) -> Iterator[Any]:
        """Lend this thread's driver object for one call, which ends at its deadline.

        Args:
            deadline: the end; :func:`abort` names the call by it.
            trail: is filled with what is sent and answered meanwhile.

        Raises:
            PluginError: when it cannot be made.
            CloudTimeout: when nothing is left of the deadline.
        """
        call = Call(deadline, self._terms(), trail or Trail())
        call.check()
        driver_class = self.driver_class()
        with watchdog.watching(call), under(call):
            held = self._take(driver_class, call)
            try:
                yield held.driver
            finally:
                self._give_back(held, is_torn=call.is_aborted)

    def close(self) -> None:
        """Let go of every thread's driver object; of those in use when their calls have ended."""
        with self._lock:
            self._is_closed = True
            idle = [held for held in self._held if not held.users]
            self._held.difference_update(idle)
        for held in idle:
            held.close()

    def _take(self, driver_class: Any, call: Call) -> _Held:
        with self._lock if self._is_shared else nullcontext():
            held: _Held | None = getattr(self._local, "held", None)
            if held is None or held not in self._held:
                held = _Held()
                call.opened = held.opened
                held.driver = self._make(driver_class)
                self._local.held = held
        with self._lock:
            self._held.add(held)
            held.users += 1
        call.opened = held.opened
        return held

    def _give_back(self, held: _Held, *, is_torn: bool) -> None:
        """End a use; what is closed, or was torn out of its work by an abort, is not used again."""
        with self._lock:
            held.users -= 1
            is_done = self._is_closed or (is_torn and not self._is_shared)
            if is_done and not held.users:
                self._held.discard(held)
            else:
                return
        held.close()

    def _make(self, driver_class: Any) -> Any:
        options = None if self._openstack is None else self._openstack.options()
        arguments = constructor_arguments(driver_class, self._settings, options)
        try:
            driver = driver_class(**arguments)
        except (TypeError, ImportError) as error:
            # These name parameters and packages, not their values.
            raise PluginError(f"Its Libcloud driver cannot be made: {error}") from error
        correct_states(driver)
        if self._openstack is not None:
            self._openstack.prepare(driver)
        repair(driver)
        keep_raw_items(driver)
        return driver

    def _terms(self) -> Terms:
        try:
            proxy = reveal_all(self._settings.get("proxy"))
        except ValueError as error:
            raise PluginError(f"A secret cannot be read: {error}") from None
        ca_file = self._settings.get("ca_file")
        if ca_file is None and self._openstack is not None:
            ca_file = self._openstack.ca_file()
        return Terms(
            cloud=self._cloud,
            max_answer=self._settings["max_answer"],
            ca_file=ca_file,
            proxy=proxy,
        )


def abort(deadline: Deadline) -> None:
    """Make the call end that was given this deadline, in whatever thread it waits."""
    watchdog.abort(deadline)


class _Held:
    """One driver object, its HTTP sessions, and how many calls use it now."""

    def __init__(self) -> None:
        self.driver: Any = None
        self.opened: weakref.WeakSet[Any] = weakref.WeakSet()
        self.users = 0

    def close(self) -> None:
        """Close its idle connections, which would else stay until the collector finds them."""
        for session in list(self.opened):
            session.close()


class _Shared:
    """Stands where a ``threading.local`` stands for the other providers."""
