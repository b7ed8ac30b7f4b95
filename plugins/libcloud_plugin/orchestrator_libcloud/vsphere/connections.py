"""Connections to vSphere, under the terms of the cloud to which they belong.

Libcloud's driver connects through pyVmomi, which bypasses our transport. pyVmomi trusts every
certificate of a server called ``localhost``, which is the name that a tunnel has. It supports
neither our ``ca_file`` nor our proxy, and waits without a limit for the versions that a server
supports. Here the driver gets a replacement for ``pyVim.connect`` that logs in over our own
connection. The certificate is verified unless the settings say ``verify_tls = false``, and each
request ends with its call.

Source: https://developer.broadcom.com/xapis/vsphere-web-services-api/latest/ (ServiceInstance,
SessionManager.Login), ``/sdk/vimServiceVersions.xml``.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import ssl
from functools import cache
from http.client import HTTPResponse
from typing import Any, Final
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from orchestrator_core import CloudUnreachable, InvalidAnswer, PluginError, register_secret
from orchestrator_libcloud.http import tokens
from orchestrator_libcloud.http.call import Call, Terms, current
from orchestrator_libcloud.vsphere.answers import bounded

_VERSIONS: Final = "/sdk/vimServiceVersions.xml"
_MAX_VERSIONS: Final = 2**20
_OK: Final = 200
_LEAST_KEY: Final = 16
"""Smallest number of characters of a session's key; a shorter one may be a word of other texts."""

_LEAVE_SECONDS: Final = 2.0
"""Seconds that a logout at the end of the process may take."""


def install(driver_module: Any) -> str | None:
    """Make Libcloud's vSphere driver log in by :class:`_Connect`; return the missing package.

    Return None if no package is missing. Safe to repeat.
    """
    if driver_module.pyvmomi is None:
        return "pyvmomi"
    driver_module.connect = _Connect()
    driver_module.asyncio = _Asyncio()
    return None


def cause(error: Exception) -> Exception | None:
    """Return the error that Libcloud's constructor hides behind "Cannot connect to vSphere"."""
    inner = error.__context__
    if type(error).__name__ == "LibcloudError" and isinstance(inner, Exception):
        return inner
    return None


class _Asyncio:
    """Replacement for ``asyncio`` in Libcloud's driver, which leaves its loops and threads open."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    def new_event_loop(self) -> _Asyncio:
        """Return an object that runs one coroutine."""
        return self

    def set_event_loop(self, _: Any) -> None:
        """Do nothing: a loop exists only as long as its coroutine runs."""

    def run_until_complete(self, work: Any) -> Any:
        """Run a coroutine in a loop that ends with it."""
        return asyncio.run(work)


class _Connect:
    """Replacement for the module ``pyVim.connect`` in Libcloud's driver."""

    # The names are pyVim's.
    def SmartConnect(  # noqa: N802
        self,
        *,
        host: str,
        port: int,
        user: str,
        pwd: str,
        sslContext: ssl.SSLContext | None = None,  # noqa: N803
    ) -> Any:
        """Log in; return the service instance.

        Args:
            host: the server's host name or address.
            port: the port of the server's API, with TLS.
            user: the user name.
            pwd: the user's password.
            sslContext: the TLS context that Libcloud's driver makes from ``ca_cert`` and
                ``verify_ssl`` in the settings' ``arguments``; without it, our own ``ca_file`` and
                ``verify_tls`` apply.
        """
        call = current()
        terms = call.terms if call is not None else Terms()
        where = {
            "host": host,
            "port": int(port),
            "sslContext": sslContext or tls_context(terms),
            **_proxy(terms),
        }
        stub = _stub_class()(call, **where, version=_version(_stub_class()(call, **where)))
        vim = importlib.import_module("pyVmomi").vim
        instance = vim.ServiceInstance("ServiceInstance", stub)
        session = instance.RetrieveContent().sessionManager.Login(user, pwd, None)
        if len(session.key) >= _LEAST_KEY:
            register_secret(session.key)
        if call is not None:
            call.opened.add(stub)
        return instance

    def Disconnect(self, instance: Any) -> None:  # noqa: N802
        """Log out at the end of the process, unless the server takes too long."""
        stub = instance._stub  # noqa: SLF001 - pyVmomi offers no other way
        stub.leave(_LEAVE_SECONDS)
        try:
            instance.content.sessionManager.Logout()
        except Exception:  # noqa: BLE001 - the server ends the session by itself later
            return


def tls_context(terms: Terms) -> ssl.SSLContext:
    """Return the TLS context that verifies a cloud's certificate under its terms."""
    context = ssl.create_default_context(cafile=str(terms.ca_file) if terms.ca_file else None)
    if not terms.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _proxy(terms: Terms) -> dict[str, Any]:
    if terms.proxy is None:
        return {}
    proxy = urlsplit(terms.proxy)
    if proxy.scheme != "http" or proxy.username is not None or proxy.hostname is None:
        raise PluginError("vSphere supports only an http:// proxy without a login")
    return {"httpProxyHost": proxy.hostname, "httpProxyPort": proxy.port or 80}


def _version(stub: Any) -> str:
    """Return the newest version of the API that both sides support.

    Raises:
        CloudUnreachable: the server has no such API.
    """
    connection = stub.GetConnection()
    try:
        connection.request("GET", _VERSIONS)
        answer = connection.getresponse()
        text = answer.read(_MAX_VERSIONS)
    finally:
        connection.close()
    if answer.status != _OK:
        raise CloudUnreachable("There is no vSphere server at the host of the settings")
    try:
        root = ET.fromstring(text)  # noqa: S314 - bounded; expat limits entities
    except ET.ParseError as error:
        raise InvalidAnswer("The host of the settings does not answer like vSphere") from error
    spoken = {found.text for found in root.iter() if found.tag == "version"}
    support = importlib.import_module("pyVmomi.VmomiSupport")
    for version in support.GetServiceVersions("vim25"):
        if support.versionIdMap[version] in spoken:
            return str(version)
    raise CloudUnreachable("The vSphere server has no version of the API that pyVmomi supports")


@cache
def _stub_class() -> Any:
    adapter = importlib.import_module("pyVmomi.SoapAdapter")

    class Stub(adapter.SoapStubAdapter):  # type: ignore[misc, name-defined]
        """Sender of SOAP requests, each within the time of its call."""

        def __init__(self, call: Call | None, **given: Any) -> None:
            super().__init__(path="/sdk", **given)
            self._call = call
            self._seconds: float | None = None
            self._registered = ""

        def InvokeMethod(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802
            """Send a request; if the call is over, raise the call's own error."""
            try:
                return super().InvokeMethod(*args, **kwargs)
            except Exception:
                if self._call is not None:
                    self._call.check()
                raise
            finally:
                self._register()

        def _register(self) -> None:
            """Register the session's cookie once it is known: no message or log may show it."""
            if self.cookie != self._registered:
                self._registered = self.cookie
                tokens.register(tokens.of_cookies(self.cookie))

        def close(self) -> None:
            """Close every idle connection."""
            self.DropConnections()

        def __del__(self) -> None:
            with contextlib.suppress(AttributeError):  # it was never completely made
                self.close()

        def leave(self, seconds: float) -> None:
            """Limit each later request to this many seconds: no call is in progress."""
            self._call, self._seconds = None, seconds
            self.DropConnections()

        def GetConnection(self) -> Any:  # noqa: N802
            """Return a connection that is open and attached to the call."""
            # Libcloud's driver reads each VM in a separate thread, which has no call.
            self._call = call = current() or self._call
            seconds = self._seconds if call is None else call.seconds_left()
            if seconds is not None:
                self.schemeArgs["timeout"] = seconds
            connection = super().GetConnection()
            connection.timeout = seconds
            if connection.sock is None:  # closed by the server after its last answer
                connection.connect()
            connection.sock.settimeout(seconds)
            # Later calls use the connection again, and they have their own limits.
            connection.response_class = HTTPResponse if call is None else bounded(call)
            if call is not None:
                call.attach(connection.sock)
            return connection

    return Stub
