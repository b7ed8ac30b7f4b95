"""The handling of a request's body that is not read before its answer.

An answer may be ready before the body has arrived. For example, a caller without a token is refused
at once, because it could otherwise make the server read a megabyte. A short rest of the body is
read and dropped, so that the connection can be used again. If the rest is longer, the answer
announces that the connection will be closed (RFC 9112, 9.3 and 9.6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from orchestrator_core.api.resource import Request

_Message = dict[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

_MOST: Final = 65_536
_SECONDS: Final = 1.0


def has_body(scope: Mapping[str, Any]) -> bool:
    """Return whether a request may have a body; the head of an HTTP/2 request does not say."""
    if scope.get("http_version", "1.1").startswith("2"):
        return True
    return any(
        (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )


async def skip_body(req: Request) -> None:
    """Read and drop a short body that has no meaning, such as that of a GET.

    Raises:
        BodyRefused: when it does not arrive in time.
    """
    size = 0
    async for part in req.stream:
        size += len(part)
        if size > _MOST:
            return


def settling(send: _Send, receive: _Receive, scope: _Message, is_read: Callable[[], bool]) -> _Send:
    """Return a ``send`` that deals with the rest of the body before the answer begins.

    Args:
        send: the server's ``send``.
        receive: the function that returns the next part of the body, or raises what makes the body
            useless.
        scope: the request's ASGI scope.
        is_read: the function that says whether the body has been received to its end.
    """

    async def settle_and_send(message: _Message) -> None:
        is_first = message["type"] == "http.response.start"
        if is_first and not is_read() and not await _drop_rest(receive, scope["headers"]):
            message = {**message, "headers": _with_close(message["headers"])}
        await send(message)

    return settle_and_send


async def _drop_rest(receive: _Receive, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether the rest of the body was short enough to be read and dropped."""
    if _is_long(headers):
        return False
    left = _MOST
    try:
        async with asyncio.timeout(_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return bool(message["type"] == "http.request")
    except Exception:  # noqa: BLE001 - the answer is ready; a fault of the body is irrelevant
        return False
    return False


def _is_long(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether the body is too long, or waits for a "100 Continue" (RFC 9110, 10.1.1)."""
    told = dict(headers)
    length = told.get(b"content-length", b"0")
    is_short = length.isdigit() and len(length) <= len(str(_MOST)) and int(length) <= _MOST
    return b"expect" in told or not is_short


def _with_close(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    others = [header for header in headers if header[0] != b"connection"]
    return [*others, (b"connection", b"close")]
