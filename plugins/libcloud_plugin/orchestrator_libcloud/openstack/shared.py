"""State shared by the driver objects of one OpenStack: options, token and service addresses."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from orchestrator_core import (
    CloudError,
    CloudTimeout,
    CloudUnreachable,
    CredentialsRefused,
    OrchestratorError,
    PluginError,
    register_secret,
)
from orchestrator_libcloud.errors.errors import Source, translate
from orchestrator_libcloud.http.call import current
from orchestrator_libcloud.openstack import addresses, catalog
from orchestrator_libcloud.openstack.options import OptionFault, Options, resolve
from orchestrator_libcloud.openstack.tokens import Token, TokenStore

PROVIDERS: Final = frozenset({"openstack", "rackspace", "rackspace_first_gen"})
"""Providers whose drivers log in to a Keystone."""

_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_NO_LIMIT: Final = 3600.0


class SharedCloud:
    """One configured OpenStack, whose driver objects share a token.

    Args:
        settings: the cloud's settings, loaded by their schema.
        cloud: the cloud's name, for messages.
    """

    def __init__(self, settings: Mapping[str, Any], cloud: str) -> None:
        self._settings = settings
        self.name = cloud
        self._tokens = TokenStore()
        self._lock = threading.Lock()
        self._options: Options | None = None

    @property
    def is_plain(self) -> bool:
        """Return whether this is OpenStack itself.

        Rackspace is not: its driver knows its addresses.
        """
        return bool(self._settings["provider"] == "openstack")

    def options(self) -> Options | None:
        """Return the options; None for Rackspace, whose driver has its own.

        Raises:
            PluginError: the options can no longer be read.
        """
        if not self.is_plain:
            return None
        with self._lock:
            if self._options is None:
                try:
                    self._options = resolve(self._settings)
                except OptionFault as fault:
                    raise PluginError(f"The settings cannot be used: {fault}") from None
            return self._options

    def ca_file(self) -> Path | None:
        """Return the certificates that the clouds file names."""
        options = self.options()
        return None if options is None else options.ca_file

    def prepare(self, driver: Any) -> None:
        """Make a new driver's connections use the shared token."""
        base = importlib.import_module("libcloud.common.openstack").OpenStackBaseConnection
        for connection in list(vars(driver).values()):
            if isinstance(connection, base):
                _Service(connection, self).install()

    def token(self, connection: Any) -> Token:
        """Return a valid token.

        Raises:
            CredentialsRefused: Keystone refuses the login.
            CloudError: no token can be obtained.
        """
        call = current()
        left = (lambda: _NO_LIMIT) if call is None else call.seconds_left
        return self._tokens.get(lambda: self._log_in(connection), left)

    @property
    def tokens(self) -> TokenStore:
        """Return the store of the token."""
        return self._tokens

    def url(self, service_type: str, token: Token) -> str:
        """Return the URL of a service.

        Raises:
            CloudError: the catalogue does not have it; the message says what to change.
        """
        options = self.options()
        assert options is not None
        for name in (service_type, service_type.rstrip("v23")):
            if name in options.overrides:
                return addresses.service_url(service_type, options.overrides[name])
        wanted = catalog.Wanted(
            self.name,
            options.region,
            options.interface,
            options.arguments.get("ex_force_service_type"),
            options.arguments.get("ex_force_service_name"),
        )
        return catalog.find(token.catalog, service_type, wanted)

    def _log_in(self, connection: Any) -> Token:
        keystone = importlib.import_module("orchestrator_libcloud.openstack.keystone")
        options = self.options()
        auth = {"auth_url": connection._get_auth_url()} if options is None else options.auth  # noqa: SLF001
        call = current()
        if call is None:
            token: Token = keystone.log_in(connection, auth, self.name)
            register_secret(token.value)
            return token
        with call.exchange.aside(), _named("Keystone", "at the auth URL", self.name):
            try:
                token = keystone.log_in(connection, auth, self.name)
            except CredentialsRefused as error:
                error.repeat_is_safe = True  # only the login was sent
                raise
        register_secret(token.value)
        return token


class _Service:
    """One service's connection in a driver; Libcloud would log in separately for each."""

    def __init__(self, connection: Any, cloud: SharedCloud) -> None:
        self._connection = connection
        self._cloud = cloud
        self._is_stale = False
        self._request: Callable[..., Any] = connection.request
        self._own: Callable[[], None] = connection._populate_hosts_and_request_paths  # noqa: SLF001

    def install(self) -> None:
        """Replace the connection's methods. On the object, because all drivers share the class."""
        connection = self._connection
        connection._populate_hosts_and_request_paths = self.populate  # noqa: SLF001
        connection._tuple_from_url = addresses.split  # noqa: SLF001
        connection._osa = self  # noqa: SLF001 - its get_auth_class() returns it
        connection.request = self.request

    def populate(self) -> None:
        """Set the connection's token and its service's address, before each request."""
        connection = self._connection
        if connection._ex_force_auth_token:  # noqa: SLF001
            self._own()
            return
        token = self._cloud.token(connection)
        connection.auth_token = token.value
        connection._set_up_connection_info(url=self._url(token))  # noqa: SLF001

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request; an error names the service that the request is about."""
        kind = self._connection.service_type or "compute"
        with _named(f"its {kind} service", "at the address from its catalogue", None):
            try:
                return self._send(args, kwargs)
            except Exception as error:
                if kind == "compute" and self._is_elsewhere(error):
                    raise CloudError(
                        f"The compute service of cloud {self._cloud.name} answered 404, but not as "
                        "Nova does; its address in the catalogue (or compute_endpoint_override) "
                        "leads to another service"
                    ) from error
                raise

    def _send(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Send a request; send it once more if only its token was out of date.

        A request with such a token is refused before the service reads it, so a change can be sent
        again as well.
        """
        self._is_stale = False
        try:
            answer = self._request(*args, **kwargs)
        except Exception as error:
            if getattr(error, "code", None) != _UNAUTHORIZED or not self._is_stale:
                raise
            answer = self._request(*args, **kwargs)
        self._cloud.tokens.accepted(self._connection.auth_token)
        return answer

    def _is_elsewhere(self, error: Exception) -> bool:
        """Return whether this 404 is not from Nova, which answers in JSON or XML."""
        answer = getattr(self._connection.connection, "response", None)
        if getattr(error, "code", None) != _NOT_FOUND or answer is None:
            return False
        kind = str(answer.headers.get("content-type", ""))
        return "json" not in kind and "xml" not in kind

    def clear_cached_auth_context(self) -> None:
        """Forget the token: Libcloud calls this after a 401."""
        self._is_stale = self._cloud.tokens.discard(self._connection.auth_token)

    def _url(self, token: Token) -> str:
        connection = self._connection
        kind = connection.service_type or "compute"
        forced: str | None = connection._ex_force_base_url  # noqa: SLF001
        if forced:
            return addresses.service_url(kind, forced) if self._cloud.is_plain else forced
        if self._cloud.is_plain:
            return self._cloud.url(kind, token)
        made = importlib.import_module("libcloud.common.openstack").OpenStackServiceCatalog
        connection.service_catalog = made(token.catalog, connection._auth_version)  # noqa: SLF001
        url: str = connection.get_endpoint()
        return url


@contextmanager
def _named(service: str, place: str, cloud: str | None) -> Iterator[None]:
    """Add to a connection's error the service that could not be reached, and its place."""
    call = current()
    try:
        yield
    except OrchestratorError:
        raise
    except Exception as error:
        if call is None:
            raise
        source = Source(call.terms.redact, starts=False)
        ours = translate(error, cloud or call.terms.cloud, None, call.exchange, source)
        if not isinstance(ours, CloudUnreachable | CloudTimeout):
            raise
        raise _more(ours, f"{ours.message} ({service} {place})") from error


def _more(error: CloudError, message: str) -> CloudError:
    return type(error)(
        message,
        retry_after=error.retry_after,
        transient=error.transient,
        repeat_is_safe=error.repeat_is_safe,
    )
