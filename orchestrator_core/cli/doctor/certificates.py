"""Examination of certificates and tokens that are about to end."""

from __future__ import annotations

import base64
import json
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from orchestrator_core.cli.doctor.addresses import named_servers, tables
from orchestrator_core.cli.doctor.ask import certificate_of, served_certificate, unverified
from orchestrator_core.cli.doctor.findings import Finding, duration, problem, warning
from orchestrator_core.cli.doctor.run import Task
from orchestrator_core.cli.doctor.subject import Subject
from orchestrator_core.redaction import texts
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.paths import BASE_DIRECTORY, base_directory
from orchestrator_core.settings.secrets import Secret, is_reference

if TYPE_CHECKING:
    from sqlalchemy import URL

_SOON: Final = timedelta(days=14)
_VERY_SOON: Final = timedelta(days=7)

_SECONDS: Final = 8.0
"""For all connections together."""

_TOKEN: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*")
"""A JSON Web Token (RFC 7519)."""

_SSL_REQUEST: Final = struct.pack("!ii", 8, 80_877_103)
"""PostgreSQL's request for TLS; source: https://www.postgresql.org/docs/current/protocol-flow.html"""

_POSTGRESQL: Final = 5432


class Validity(NamedTuple):
    """The first and the last moment of a certificate."""

    begins: datetime
    ends: datetime


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield certificates and tokens that have ended, or end soon."""
    now = datetime.now(UTC)
    tls = subject.settings.server.tls
    if tls is not None:
        yield from _own(subject, tls.certificate, now)
    for what, der in _remote(subject):
        with suppress(ValueError):
            found = _validity(x509.load_der_x509_certificate(der))
            yield from ends(what, found, now, "Ask its owner to renew the certificate")
    yield from tokens(subject.settings, now)


def _own(subject: Subject, file: Path, now: datetime) -> Iterator[Finding]:
    try:
        chain = x509.load_pem_x509_certificates(file.read_bytes())
        for certificate in chain:
            yield from ends(
                f"A certificate in {file}",
                _validity(certificate),
                now,
                f"Renew it, and then: {_reload(subject)}",
            )
    except (OSError, ValueError) as error:
        yield problem(
            "certificate_unreadable",
            f"The certificate {file} cannot be read ({type(error).__name__}).",
            "The running server keeps the one that it has read, but no new one starts.",
            f"Correct [server.tls] certificate until this succeeds: orchestrator check"
            f"{subject.config}",
        )
        return
    for server in subject.servers:
        for address in server.addresses:
            with suppress(OSError, ValueError):
                served = served_certificate(address)
                if served is not None and served != chain[0].public_bytes(Encoding.DER):
                    old = _validity(x509.load_der_x509_certificate(served))
                    yield warning(
                        "certificate_not_loaded",
                        f"{server.title} shows another certificate than the one in {file}.",
                        f"The new certificate is not in use; the old one ends {old.ends:%Y-%m-%d}.",
                        server.reload,
                    )


def _validity(certificate: x509.Certificate) -> Validity:
    return Validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def _reload(subject: Subject) -> str:
    commands = [one.reload for one in subject.servers if one.kind != "worker"]
    return "; ".join(commands) or "systemctl reload orchestrator"


def ends(what: str, found: Validity, now: datetime, remedy: str) -> Iterator[Finding]:
    """Yield a finding if a certificate has ended, or should have been renewed by now.

    A certificate of a few days is renewed in its last third.

    Args:
        what: the certificate, for the beginning of a sentence.
        found: its validity.
        now: the present time.
        remedy: what to do.
    """
    length, left = found.ends - found.begins, found.ends - now
    effect = "Clients, or this server, refuse the connection after that."
    day = f"{found.ends:%Y-%m-%d}"
    if left <= timedelta():
        yield problem("certificate_ended", f"{what} ended on {day}.", effect, remedy)
    elif left < min(_SOON, length / 3):
        detail = f"{what} ends in {duration(left.total_seconds())}, on {day}."
        make = problem if left < min(_VERY_SOON, length / 6) else warning
        yield make("certificate_ends", detail, effect, remedy)


def _remote(subject: Subject) -> Iterator[tuple[str, bytes]]:
    """Yield the certificates of the database and of the clouds' URLs, as far as they answer."""
    tasks = []
    for one in named_servers(subject.settings):
        if one.scheme == "https":
            task = Task(partial(certificate_of, one.host, one.port))
            tasks.append((f"The certificate of {one}", task))
    database = subject.database
    if database is not None and not database.is_sqlite:
        url = database.url
        tasks.append(("The certificate of the database", Task(lambda: _of_postgresql(url))))
    for what, task in tasks:
        with suppress(Exception):  # the examinations of clouds and database tell why
            der = task.result(_SECONDS)
            if der is not None:
                yield what, der


def _of_postgresql(url: URL) -> bytes | None:
    """Return the certificate of a PostgreSQL server; None if it uses no TLS."""
    host = url.host or ""
    if not host or host.startswith("/"):
        return None
    with socket.create_connection((host, url.port or _POSTGRESQL), timeout=_SECONDS) as plain:
        plain.sendall(_SSL_REQUEST)
        if plain.recv(1) != b"S":
            return None
        with unverified().wrap_socket(plain, server_hostname=host) as secure:
            return secure.getpeercert(binary_form=True)


def tokens(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Yield the tokens in the parts of plugins that say themselves when they end."""
    base = BASE_DIRECTORY.set(base_directory(settings.file))
    try:
        for name, plugin in tables(settings):
            for key, text in texts(plugin):
                with suppress(ValueError):
                    value = Secret(text).reveal() if is_reference(text) else text
                    yield from _token(f"[{name}] {key}", value, now)
    finally:
        BASE_DIRECTORY.reset(base)


def _token(key: str, value: str, now: datetime) -> Iterator[Finding]:
    end = _end_of_token(value)
    if end is None or end - now > _SOON:
        return
    left = (end - now).total_seconds()
    detail = f"The token in {key} "
    detail += f"ends in {duration(left)}." if left > 0 else f"ended on {end:%Y-%m-%d}."
    make = problem if left <= _VERY_SOON.total_seconds() else warning
    yield make(
        "token_ends",
        detail,
        "The requests of this plugin are refused after that.",
        "Put a new token into the file or variable that the key names; a file is read again by "
        "itself, and a new value of a variable needs a restart",
    )


def _end_of_token(value: str) -> datetime | None:
    """Return when a JSON Web Token ends (``exp``); None for any other text."""
    if not _TOKEN.fullmatch(value):
        return None
    with suppress(ValueError, OverflowError, OSError, TypeError):
        payload = value.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC) if "exp" in claims else None
    return None
