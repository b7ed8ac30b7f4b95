"""An independent parser of HTTP/1.1: h11, used as its documentation shows for a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import h11

_LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as a parser has understood it.

    Attributes:
        body: the body, of which a part may be missing.
        whole: whether the end of the body has been read.
    """

    method: bytes
    target: bytes
    body: bytes
    whole: bool


def requests_in(data: bytes) -> list[SeenRequest]:
    """Return the requests that h11 parses from the bytes of one connection.

    The list ends where h11 refuses something, or where a request ends the connection. Empty lines
    before a request are skipped here: RFC 9112, 2.2 asks servers to do so, which h11 does not.
    """
    found: list[SeenRequest] = []
    while data := data.lstrip(b"\r\n") if data.startswith(b"\r\n") else data:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST)
        connection.receive_data(data)
        request, goes_on = _next_request(connection)
        if request is None:
            break
        found.append(request)
        if not goes_on:
            break
        data = connection.trailing_data[0]
    return found


def _next_request(connection: h11.Connection) -> tuple[SeenRequest | None, bool]:
    """Return the request, and whether another may follow on this connection."""
    method = target = None
    body, whole = b"", False
    try:
        while not whole:
            event = connection.next_event()
            match event:
                case h11.Request():
                    method, target = event.method, event.target
                case h11.Data():
                    body += event.data
                case h11.EndOfMessage():
                    whole = True
                case _:
                    break
    except h11.RemoteProtocolError:
        pass
    if method is None or target is None:
        return None, False
    closes = connection.our_state is h11.MUST_CLOSE or connection.their_state is h11.MUST_CLOSE
    tunnels = method == b"CONNECT"
    return SeenRequest(method, target, body, whole), whole and not closes and not tunnels
