"""The driver objects of one cloud: one for each thread, since Libcloud's are not thread-safe."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from orchestrator_core import Deadline, PluginError, reveal_all
from orchestrator_libcloud import providers
from orchestrator_libcloud.arguments import constructor_arguments
from orchestrator_libcloud.states import correct_states

_IN_PROCESS: Final = frozenset({"dummy"})
"""Providers whose cloud lives in the driver object itself, so that all threads share one."""


class Sessions:
    """Makes driver objects when they are needed and forgets them when told to.

    Args:
        settings: the cloud's, as its schema loaded them.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._local: Any = threading.local()
        if settings["provider"] in _IN_PROCESS:
            self._local = _Shared()
        self._driver_class: Any = None
        self._generation = 0

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
                _transport().install(self._driver_class)
            return self._driver_class

    @contextmanager
    def driver(self, deadline: Deadline) -> Iterator[Any]:
        """Lend this thread's driver object, under the terms of one call.

        Raises:
            PluginError: when it cannot be made.
            CloudTimeout: when nothing is left of the deadline.
        """
        deadline.check()
        driver_class = self.driver_class()
        transport = _transport()
        with transport.under(self._terms(transport, deadline)):
            if getattr(self._local, "generation", None) != self._generation:
                # Before the constructor: what a renewal meanwhile makes stale is made anew.
                generation = self._generation
                self._local.driver = self._make(driver_class)
                self._local.generation = generation
            yield self._local.driver

    def renew(self) -> None:
        """Have every thread make its driver anew at its next call, with secrets read anew."""
        with self._lock:
            self._generation += 1
        self._local.driver = self._local.generation = None

    def _make(self, driver_class: Any) -> Any:
        arguments = constructor_arguments(driver_class, self._settings)
        try:
            driver = driver_class(**arguments)
        except (TypeError, ImportError) as error:
            # These name parameters and packages, not their values.
            raise PluginError(f"Its Libcloud driver cannot be made: {error}") from error
        correct_states(driver)
        return driver

    def _terms(self, transport: Any, deadline: Deadline) -> Any:
        try:
            proxy = reveal_all(self._settings.get("proxy"))
        except ValueError as error:
            raise PluginError(f"A secret cannot be read: {error}") from None
        return transport.Terms(deadline, self._settings.get("ca_file"), proxy)


class _Shared:
    """Stands where a ``threading.local`` stands for the other providers."""


def _transport() -> Any:
    # It imports Libcloud, which is not loaded before a cloud is used.
    return importlib.import_module("orchestrator_libcloud.transport")
