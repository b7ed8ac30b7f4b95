"""The client of a request that a proxy forwards.

Proxies append the address of their own client to ``X-Forwarded-For``. Only the part that trusted
proxies have written counts, since a client may send the field itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_trusted(peer: Any, cfg: Any) -> bool:
    """Return whether ``forwarded_allow_ips`` trusts this peer; a Unix socket is always trusted."""
    if not isinstance(peer, tuple) or "*" in cfg.forwarded_allow_ips:
        return True
    address = _address(peer[0])
    return address is not None and _is_known(address, cfg)


def client_of(fields: Sequence[bytes], cfg: Any) -> str | None:
    """Return the address of the client of trusted proxies; None if they do not tell it.

    Args:
        fields: the values of all ``X-Forwarded-For`` fields, in their order.
        cfg: gunicorn's settings; addresses in its ``forwarded_allow_ips`` are proxies. With ``*``
            the last address is the client, because any other may be made up.
    """
    client: _Address | None = None
    for text in reversed(b",".join(fields).decode("latin-1").split(",")):
        address = _address(text.strip())
        if address is None:
            break
        client = address
        if "*" in cfg.forwarded_allow_ips or not _is_known(address, cfg):
            break
    return None if client is None else str(client)


def _is_known(address: _Address, cfg: Any) -> bool:
    return any(address in network for network in cfg.forwarded_allow_networks())


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
