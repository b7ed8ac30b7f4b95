"""The time for which an X.509 certificate is valid, read from its DER form.

Python's ``ssl`` tells it only of certificates that it trusts. Source: RFC 5280, section 4.1.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18

_LONG: Final = 0x80
_END: Final = "-----END CERTIFICATE-----"
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Validity:
    """The first and the last moment of a certificate."""

    begins: datetime
    ends: datetime


def validity(der: bytes) -> Validity:
    """Return the time for which a certificate is valid.

    Raises:
        ValueError: The bytes are no certificate.
    """
    try:
        _, certificate, _ = _element(der)
        _, signed, _ = _element(certificate)
        tag, _, rest = _element(signed)
        # After the optional version: serial number, algorithm, issuer, and then the validity.
        for _ in range(3 if tag == _VERSION else 2):
            _, _, rest = _element(rest)
        tag, times, _ = _element(rest)
        if tag != _SEQUENCE:
            raise ValueError("no validity")
        first, begins, rest = _element(times)
        last, ends, _ = _element(rest)
        return Validity(_time(first, begins), _time(last, ends))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("not a certificate") from error


def certificates(pem: str) -> list[bytes]:
    """Return the certificates of a PEM file, each as DER.

    Raises:
        ValueError: One of them is damaged.
    """
    found = []
    for part in pem.split(_BEGIN)[1:]:
        body, end, _ = part.partition(_END)
        if not end:
            raise ValueError("a certificate without its end")
        found.append(ssl.PEM_cert_to_DER_cert(f"{_BEGIN}{body}{_END}\n"))
    return found


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Return the tag and the content of the first element, and the data after it (X.690)."""
    tag, length, start = data[0], data[1], 2
    if length & _LONG:
        start += length & ~_LONG
        length = int.from_bytes(data[2:start])
    if len(data) < start + length:
        raise ValueError("the data ends early")
    return tag, data[start : start + length], data[start + length :]


def _time(tag: int, content: bytes) -> datetime:
    """Return a time; a year of two digits is one of 1950 to 2049 (RFC 5280, section 4.1.2.5)."""
    if tag not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError("no time")
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
