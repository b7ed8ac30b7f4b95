"""The certificate of the server, read by its first process for all workers."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from orchestrator_core.settings.faults import settings_error
from orchestrator_core.settings.files import why_unusable
from orchestrator_core.settings.model import Settings

_SECTION: Final = ("server", "tls")


class _EncryptedError(Exception):
    """The key needs a password."""


class _Holds(NamedTuple):
    """The content of a PEM file: its name, its first line for people, and as a pattern."""

    what: str
    begins: str
    pattern: re.Pattern[bytes]


_CERTIFICATE: Final = _Holds(
    "certificate",
    '"-----BEGIN CERTIFICATE-----"',
    re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----"),
)
_KEY: Final = _Holds(
    "private key",
    '"-----BEGIN PRIVATE KEY-----"',
    re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
)


class _Kept:
    context: ssl.SSLContext | None = None


def make_context(settings: Settings) -> ssl.SSLContext | None:
    """Return a TLS context with the certificate and its key; None when the settings name none.

    Raises:
        SettingsError: naming each fault, when they cannot be read, are not in PEM format or do not
            belong together.
    """
    tls = settings.server.tls
    if tls is None:
        return None
    faults = [
        ((*_SECTION, key), why)
        for key, file, holds in (
            ("certificate", tls.certificate, _CERTIFICATE),
            ("key", tls.key, _KEY),
        )
        if (why := _why_not(file, holds))
    ]
    if faults:
        raise settings_error(faults, settings.file, settings.origins)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(tls.certificate, tls.key, _refuse_password)
    except (OSError, _EncryptedError) as error:  # SSLError is an OSError
        fault = _fault_of_pair(tls.certificate, tls.key, error)
        raise settings_error([fault], settings.file, settings.origins) from None
    return context


def _why_not(file: Path, holds: _Holds) -> str:
    """Return why a file does not hold what it should; empty if it seems to."""
    try:
        content = file.read_bytes()
    except OSError as error:
        return f"{file} cannot be read: {why_unusable(file, error)}"
    if not content.strip():
        return f"{file} is empty; it must hold the {holds.what} in PEM format ({holds.begins})"
    if not holds.pattern.search(content):
        return f"{file} holds no {holds.what} in PEM format ({holds.begins})"
    return ""


def _refuse_password() -> NoReturn:
    """Refuse an encrypted key; OpenSSL would ask the terminal for its password, and wait."""
    raise _EncryptedError


def _fault_of_pair(certificate: Path, key: Path, error: Exception) -> tuple[tuple[str, ...], str]:
    if isinstance(error, _EncryptedError):
        return (*_SECTION, "key"), (
            f"{key} is protected by a password, which a server cannot ask for; write a copy "
            f"without one: openssl pkey -in {key} -out NEW"
        )
    reason = getattr(error, "reason", None) or "unreadable"
    if reason == "KEY_VALUES_MISMATCH":
        return (*_SECTION, "key"), (
            f"{key} is not the key of the certificate {certificate}; name a certificate and the "
            "key that it was issued for"
        )
    return _SECTION, (
        f"{certificate} and {key} are not a PEM certificate with its key ({reason}); copy both "
        "again from where they were issued"
    )


def keep(context: ssl.SSLContext | None) -> None:
    """Set the context for workers that are forked from now on; they need not read any file."""
    _Kept.context = context


def kept() -> ssl.SSLContext | None:
    """Return the context that the first process has made."""
    return _Kept.context
