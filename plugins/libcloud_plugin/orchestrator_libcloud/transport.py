"""Transport that applies the current call's terms to every connection of a Libcloud driver."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import requests
from libcloud.common import exceptions
from libcloud.common.base import Connection
from libcloud.http import LibcloudConnection

from orchestrator_libcloud.http import parsing, prices
from orchestrator_libcloud.http.adapter import Adapter
from orchestrator_libcloud.http.call import current
from orchestrator_libcloud.nodes import addresses

_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
_FIRST_ERROR: Final = 400
_GOOGLE: Final = "libcloud.common.google"
_CERTIFICATE: Final = ("cert_file", "key_file")


class Transport(LibcloudConnection):
    """Libcloud connection under the terms of the current call; without a call, unchanged."""

    def __init__(self, host: str, port: int, secure: Any = None, **kwargs: Any) -> None:
        call = current()
        if call is not None and call.terms.proxy:
            kwargs.setdefault("proxy_url", call.terms.proxy)
        super().__init__(host, port, secure, **kwargs)  # type: ignore[no-untyped-call]
        certificate = {name: kwargs[name] for name in _CERTIFICATE if name in kwargs}
        _mount(self.session, **certificate)
        if call is not None:
            call.opened.add(self.session)


class _Once:
    """Replacement for Libcloud's retries, which sleep and also repeat changes."""

    def __init__(self, **_: Any) -> None:
        pass

    def __call__(self, request: Callable[..., Any]) -> Callable[..., Any]:
        return request


class _Requests:
    """Replacement for ``requests`` in drivers that call it without Libcloud's connections."""

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS:
            return getattr(requests, name)

        def send(url: str, **kwargs: Any) -> requests.Response:
            call = current()
            with requests.Session() as session:
                _mount(session)
                if call is not None and call.terms.proxy:
                    session.proxies = dict.fromkeys(("http", "https"), call.terms.proxy)
                response = session.request(name, url, **kwargs)
            if response.status_code >= _FIRST_ERROR:
                # OUTSCALE's driver passes on an error's JSON as if it were the requested result.
                error: Any = exceptions.BaseHTTPError
                raise error(response.status_code, response.text)
            return response

        return send


def install(driver_class: Any) -> None:
    """Make every connection of this driver a :class:`Transport`. Safe to repeat."""
    # Its warnings about odd answers show complete URLs, which many clouds sign.
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
    connection: Any = Connection
    connection.conn_class = Transport
    connection.retryCls = _Once
    parsing.install()
    prices.install()
    addresses.correct_kinds(driver_class)
    for cls in _classes(driver_class):
        # Azure's two classes set the plain class again, which hides the one set above.
        if getattr(cls, "conn_class", None) is LibcloudConnection:
            cls.conn_class = Transport
        if getattr(getattr(cls, "responseCls", None), "__module__", "") == _GOOGLE:
            # Otherwise an error answer without a body counts as an empty list.
            cls.responseCls.parse_zero_length_body = True
        module = sys.modules[cls.__module__]
        if getattr(module, "requests", None) is requests:
            module.requests = _Requests()  # type: ignore[attr-defined]


def _classes(driver_class: Any) -> Iterator[Any]:
    """Yield a driver's class, its connections' classes and all their base classes."""
    names = [name for name in dir(driver_class) if name.endswith("connectionCls")]
    for cls in (driver_class, *(getattr(driver_class, name) for name in names)):
        yield from getattr(cls, "__mro__", ())


def _mount(session: Any, **certificate: str) -> None:
    session.mount("https://", Adapter(**certificate))
    session.mount("http://", Adapter())
