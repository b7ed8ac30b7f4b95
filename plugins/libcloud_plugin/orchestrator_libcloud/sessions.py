"""Driver objects of one cloud: one for each thread, since Libcloud's are not thread-safe."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from orchestrator_core import Deadline, PluginError, reveal_all
from orchestrator_libcloud import providers, regions
from orchestrator_libcloud.answers.odd_memory import OddMemory
from orchestrator_libcloud.arguments import constructor_arguments
from orchestrator_libcloud.changes import libvirt_domains
from orchestrator_libcloud.http.call import Call, Terms, under
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.http.redaction import Redactor
from orchestrator_libcloud.http.watchdog import watchdog
from orchestrator_libcloud.nodes.raw_items import keep_raw_items
from orchestrator_libcloud.nodes.repairs import repair
from orchestrator_libcloud.nodes.states import correct_states
from orchestrator_libcloud.openstack.shared import PROVIDERS, SharedCloud
from orchestrator_libcloud.private_values import PrivateValues
from orchestrator_libcloud.vsphere import actions, connections

_log = logging.getLogger(__name__)

_OWN_LIBRARIES: Final = {
    libvirt_domains.MODULE: libvirt_domains.install,
    actions.MODULE: connections.install,
}
"""Driver modules with connections that are not Libcloud's, to the module that prepares them."""

_IN_PROCESS: Final = frozenset({"dummy"})
"""Providers whose cloud is the driver object itself, so that all threads share one."""


class Sessions:
    """Factory and store of a cloud's driver objects, which are made when they are needed.

    Args:
        settings: the cloud's settings, loaded by their schema.
        cloud: the cloud's name, for messages.

    Attributes:
        private: the values of the settings that no message may show.
        redact: the function that removes them from the cloud's texts.
    """

    def __init__(self, settings: Mapping[str, Any], cloud: str = "?") -> None:
        self.private = PrivateValues()
        self.redact = Redactor(self.private.secrets, self.private.hosts)
        self._settings = settings
        self._cloud = cloud
        self._odd_items = OddMemory()
        self._lock = threading.RLock()
        self._is_shared = settings["provider"] in _IN_PROCESS
        self._local: Any = _Shared() if self._is_shared else threading.local()
        self._driver_class: Any = None
        is_openstack = settings["provider"] in PROVIDERS
        self._openstack = SharedCloud(settings, cloud) if is_openstack else None
        # A thread's own driver object is gone with the thread.
        self._held: weakref.WeakSet[_Held] = weakref.WeakSet()
        self._is_closed = False

    def driver_class(self) -> Any:
        """Return the provider's driver class; import its module at the first call.

        Raises:
            PluginError: the module cannot be imported.
        """
        with self._lock:
            if self._driver_class is None:
                provider = self._settings["provider"]
                try:
                    driver_class = providers.load(provider)
                except ModuleNotFoundError as error:
                    raise PluginError(
                        f"Provider {provider!r} needs the package {error.name}, "
                        "which is not installed"
                    ) from error
                except ImportError as error:
                    raise PluginError(
                        f"Provider {provider!r} cannot be loaded: the module {error.name} is "
                        "damaged; install apache-libcloud again"
                    ) from error
                # This imports Libcloud, which must not be loaded before a cloud is used.
                transport = importlib.import_module("orchestrator_libcloud.transport")
                transport.install(driver_class)
                self._prepare(driver_class, provider)
                self._driver_class = driver_class
                if said := regions.hint(self._settings["provider"], self._settings.get("region")):
                    _log.warning("Cloud %s: %s; it is used as it is", self._cloud, said)
            return self._driver_class

    def _prepare(self, driver_class: Any, provider: str) -> None:
        """Apply our terms to connections that are not Libcloud's, and warn of insecure settings."""
        install = _OWN_LIBRARIES.get(driver_class.__module__)
        missing = install(sys.modules[driver_class.__module__]) if install is not None else None
        if missing is not None:
            raise PluginError(
                f"Provider {provider!r} needs the package {missing}, which is not installed"
            )
        if not self._settings.get("verify_tls", True):
            # One log line of ours replaces these warnings, and it names the cloud.
            import urllib3  # noqa: PLC0415 - not loaded before a cloud is used

            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            _log.warning(
                "Cloud %s: verify_tls is false, so its credentials go to any server at its address",
                self._cloud,
            )

    @contextmanager
    def driver(self, deadline: Deadline, exchange: Exchange | None = None) -> Iterator[Any]:
        """Lend this thread's driver object for one call, which ends at its deadline.

        Args:
            deadline: the end of the call; :func:`abort` identifies the call by it.
            exchange: the exchange, filled with the requests and answers of the call.

        Raises:
            PluginError: the driver object cannot be made.
            CloudTimeout: no time is left.
        """
        call = Call(deadline, self._terms(), exchange or Exchange())
        call.check()
        driver_class = self.driver_class()
        with watchdog.watching(call), under(call):
            held = self._take(driver_class, call)
            try:
                yield held.driver
            finally:
                self._check_in(held, is_torn=call.is_aborted or not _is_alive(held.driver))

    def close(self) -> None:
        """Release every thread's driver object; one in use is released when its call has ended."""
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

    def _check_in(self, held: _Held, *, is_torn: bool) -> None:
        """End a use of a driver object.

        A driver object that is closed, or was interrupted by an abort, is not used again.
        """
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
        where = (self._settings["provider"], arguments.get("region"), arguments.get("host"))
        more = () if options is None else (options.auth, options.overrides)
        self.private.note(self._settings, arguments, *more)
        try:
            with regions.taught(*where):
                driver = driver_class(**arguments)
        except (TypeError, ImportError) as error:
            # These errors name parameters and packages, not their values.
            raise PluginError(f"The Libcloud driver cannot be created: {error}") from error
        except Exception as error:
            if _is_libvirts_own(driver_class, error):
                raise PluginError(f"The Libcloud driver cannot be created: {error}") from error
            inner = connections.cause(error) if self._is_vsphere(driver_class) else None
            if inner is None:
                raise
            raise inner from error
        correct_states(driver)
        if self._openstack is not None:
            self._openstack.prepare(driver)
        repair(driver)
        keep_raw_items(driver)
        return driver

    @staticmethod
    def _is_vsphere(driver_class: Any) -> bool:
        return bool(driver_class.__module__ == actions.MODULE)

    def _terms(self) -> Terms:
        try:
            proxy = reveal_all(self._settings.get("proxy"))
        except ValueError as error:
            raise PluginError(f"A secret cannot be read: {error}") from None
        self.private.note_proxy(proxy)
        ca_file = self._settings.get("ca_file")
        if ca_file is None and self._openstack is not None:
            ca_file = self._openstack.ca_file()
        return Terms(
            cloud=self._cloud,
            redact=self.redact,
            max_answer=self._settings["max_answer"],
            ca_file=ca_file,
            proxy=proxy,
            verify_tls=self._settings.get("verify_tls", True),
            odd_items=self._odd_items,
        )


def abort(deadline: Deadline) -> None:
    """End the call with this deadline, in the thread in which it waits."""
    watchdog.abort(deadline)


def _is_libvirts_own(driver_class: Any, error: Exception) -> bool:
    """Return whether Libcloud's libvirt driver itself refuses its settings, with a fixed text."""
    return driver_class.__module__ == libvirt_domains.MODULE and type(error) is RuntimeError


def _is_alive(driver: Any) -> bool:
    """Return whether a driver object can be used again; a libvirt connection does not reopen."""
    if type(driver).__module__ != libvirt_domains.MODULE:
        return True
    return libvirt_domains.is_alive(driver)


class _Held:
    """One driver object, its HTTP sessions, and the number of calls that use it now."""

    def __init__(self) -> None:
        self.driver: Any = None
        self.opened: weakref.WeakSet[Any] = weakref.WeakSet()
        self.users = 0

    def close(self) -> None:
        """Close its idle connections, which would otherwise stay open until garbage collection."""
        for session in list(self.opened):
            session.close()


class _Shared:
    """Replacement for the ``threading.local`` of the other providers."""
