"""Transport adapter of ``requests`` for Libcloud, which applies the terms of the current call.

Without a current call it behaves like the adapter of ``requests``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from orchestrator_core import InvalidAnswer, OrchestratorError
from orchestrator_libcloud.http import tokens
from orchestrator_libcloud.http.call import Call, current
from orchestrator_libcloud.http.connections import POOLS
from orchestrator_libcloud.http.error_answer import ErrorAnswer

_NEVER: Final = Retry(0, redirect=False, read=False)
_FIRST_ERROR: Final = 400
_PAGE: Final = re.compile(rb"\s*(<\?xml[^>]*>\s*)?<(!doctype html|html)\b", re.IGNORECASE)
_PORTS: Final = {"http": 80, "https": 443}


class Adapter(HTTPAdapter):
    """Adapter that limits the time, size and destination of requests as the call allows.

    Args:
        cert_file: the client's own certificate, if the cloud requires one.
        key_file: the certificate's key.
    """

    def __init__(self, cert_file: str | None = None, key_file: str | None = None) -> None:
        certificate = {"cert_file": cert_file, "key_file": key_file}
        self._certificate = {name: value for name, value in certificate.items() if value}
        super().__init__(max_retries=_NEVER)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pools of connections."""
        super().init_poolmanager(*args, **{**kwargs, **self._certificate})
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Create the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **kwargs, **self._certificate)
        if not proxy.lower().startswith("socks"):  # SOCKS connections have their own classes
            manager.pool_classes_by_scheme = POOLS
        return manager

    def close(self) -> None:
        """Close every idle connection."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            # The base class only forgets the pools; an answer that is still referenced would keep
            # one open.
            for key in manager.pools.keys():  # noqa: SIM118 - it refuses to be iterated over
                manager.pools[key].close()
        super().close()

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; the answer's body can be read later, within the call's limits."""
        call = current()
        if call is None:
            return super().send(request, *args, **kwargs)
        call.exchange.begin_request(request.method, request.url, request.body)
        call.exchange.request = request
        tokens.register(tokens.of_request(request))
        kwargs["timeout"] = call.seconds_left()
        if not call.terms.verify_tls:
            kwargs["verify"] = False
        elif call.terms.ca_file:
            kwargs["verify"] = str(call.terms.ca_file)
        elif kwargs.get("verify") is False:
            kwargs["verify"] = True  # KubeVirt's driver verifies no certificate by default
        try:
            response = super().send(request, *args, **kwargs)
        except OrchestratorError:
            raise
        except Exception:
            call.check()
            raise
        call.exchange.answered(response.status_code, response.headers)
        response.raw = _Bounded(response.raw, call)
        _stay(request, response, call)
        tokens.register(tokens.of_answer(request, response))
        if response.status_code >= _FIRST_ERROR:
            _keep_error(request, response, call)
        return response


class _Bounded:
    """The body of an answer, which is not read beyond its limit."""

    def __init__(self, raw: Any, call: Call) -> None:
        self._raw = raw
        self._call = call
        self._left = call.terms.max_bytes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amt: int = 2**16, **kwargs: Any) -> Iterator[bytes]:
        """Yield the body, decompressed, in parts of at most ``amt`` bytes.

        Raises:
            CloudTimeout: the call's time has ended.
            InvalidAnswer: the body is larger than the call may read.
        """
        said = self._raw.headers.get("Content-Length", "")
        self._allow(int(said) if said.isdecimal() else 0)
        is_first = self._raw.status < _FIRST_ERROR
        try:
            for part in self._raw.stream(amt, **kwargs):
                if is_first and part:
                    self._refuse_page(part)
                    is_first = False
                self._allow(len(part))
                self._left -= len(part)
                yield part
        except (OrchestratorError, GeneratorExit):
            raise
        except Exception:
            self._call.check()
            raise
        self._call.check()  # an abort ends the connection, which looks like the end of some bodies

    def _refuse_page(self, start: bytes) -> None:
        """Refuse a page of HTML in place of an answer.

        A proxy or a login page sends it with status 200. Drivers that search for XML elements read
        such a page as an empty list.
        """
        if _PAGE.match(start) is None:
            return
        self._raw.close()
        raise self._call.end(
            InvalidAnswer(
                f"Cloud {self._call.terms.cloud} returned an HTML page instead of an answer"
            )
        )

    def _allow(self, size: int) -> None:
        """Close the connection instead of reading so many bytes; it cannot be used again."""
        if self._call.deadline.passed:
            self._raw.close()
            self._call.check()
        if size > self._left:
            self._raw.close()
            terms = self._call.terms
            raise self._call.end(
                InvalidAnswer(
                    f"Cloud {terms.cloud} returned an answer of more than "
                    f"{terms.max_answer} MiB, the limit set by max_answer"
                )
            )


def _stay(request: Any, response: requests.Response, call: Call) -> None:
    """Refuse a redirect to another place, because many different headers carry credentials."""
    if not response.is_redirect:
        return
    here = urlsplit(request.url)
    try:
        there = urlsplit(urljoin(request.url, response.headers["location"]))
        is_here = _place(here) == _place(there) or _is_upgrade(here, there)
    except ValueError:
        is_here = False
    if not is_here:
        response.raw.close()
        raise call.end(
            InvalidAnswer(
                f"Cloud {call.terms.cloud} redirects to another address, "
                "to which its credentials are not sent"
            )
        )


def _keep_error(request: Any, response: requests.Response, call: Call) -> None:
    """Read an error answer now: drivers lose its body, which alone gives the reason."""
    path = urlsplit(request.url).path
    answer = ErrorAnswer.of(request.method, path, response.status_code, response.content)
    call.exchange.keep_error(answer)


def _place(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or _PORTS.get(url.scheme)


def _is_upgrade(here: SplitResult, there: SplitResult) -> bool:
    upgrade = [("http", here.hostname, 80), ("https", here.hostname, 443)]
    return [_place(here), _place(there)] == upgrade
