"""The certificate of the server, read by its first process for all workers."""

from __future__ import annotations

import os
import ssl

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.files import may, why_unusable
from orchestrator_core.settings.model import Settings


class _Kept:
    context: ssl.SSLContext | None = None


def make_context(settings: Settings) -> ssl.SSLContext | None:
    """Return a TLS context with the certificate and its key; None when the settings name none.

    Raises:
        SettingsError: when they cannot be read, or do not belong together.
    """
    tls = settings.server.tls
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(
                f"[server.tls] {tls.key} is not the key of the certificate {tls.certificate}; "
                "name a certificate and the key that it was issued for"
            ) from None
        raise SettingsError(
            f"[server.tls] {tls.certificate} and {tls.key} are not a PEM certificate with its key "
            f"({error.reason or 'unreadable'})"
        ) from None
    except OSError as error:
        file = next((one for one in (tls.certificate, tls.key) if not may(one, os.R_OK)), tls.key)
        raise SettingsError(
            f"[server.tls] {file} cannot be read: {why_unusable(file, error)}"
        ) from None
    return context


def keep(context: ssl.SSLContext | None) -> None:
    """Set the context for workers that are forked from now on; they need not read any file."""
    _Kept.context = context


def kept() -> ssl.SSLContext | None:
    """Return the context that the first process has made."""
    return _Kept.context
