"""Settings of ``[assignments.NAME]`` for a Cistern server."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from orchestrator_core import FileField, SecretField

_FORM = 'must be of the form "http://HOST:PORT/api/v1" (or https)'


def check_url(url: str) -> None:
    """Refuse any text that is not a plain base address.

    Raises:
        ValidationError: the address is not valid. The message says what is valid, and never repeats
            the address, which may hold a password.
    """
    # Only processes that use this backend load the HTTP client, not every server that has this
    # plugin.
    import httpx2  # noqa: PLC0415

    try:
        parts = urlsplit(url)
        httpx2.URL(url)
        port = parts.port
    except (ValueError, httpx2.InvalidURL):
        raise ValidationError(_FORM) from None
    if "@" in parts.netloc:
        raise ValidationError('must not contain credentials; use token = "env:NAME"')
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValidationError(_FORM)
    if "?" in url or "#" in url:
        raise ValidationError(f"{_FORM}, without a query or a fragment")


def check_ca_file(path: Path) -> None:
    """Refuse a certificate file that cannot be used.

    Raises:
        ValidationError: the file cannot be used; the message has the reason.
    """
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValidationError("has no certificates in PEM form") from None
    except OSError as error:
        raise ValidationError(f"cannot be read: {error.strerror}") from None


class CisternSettings(Schema):
    """Settings that ``[assignments.NAME]`` may have besides the core's own keys.

    ``timeout`` is in seconds and counts between two bytes. The core's ``deadlines`` limit the total
    time of a call.
    """

    class Meta:
        """Options of the schema: unknown keys are errors."""

        unknown = RAISE

    url = fields.String(
        required=True,
        validate=check_url,
        metadata={
            "description": "The base address of the Cistern server.",
            "allowed": "`http://HOST:PORT/api/v1` or `https://…`, without credentials",
        },
    )
    token = SecretField(
        load_default=None,
        metadata={
            "description": "The token that is sent as `Authorization: Bearer …`. It is read again "
            "for each request."
        },
    )
    timeout = fields.Float(
        load_default=30.0,
        allow_nan=False,
        validate=validate.Range(min=0, min_inclusive=False, max=3600),
        metadata={
            "description": "The longest silence between two bytes of an answer.",
            "unit": "seconds",
        },
    )
    connections = fields.Integer(
        load_default=8,
        strict=True,
        validate=validate.Range(1, 256),
        metadata={
            "description": "The most connections at a time. They stay open between calls.",
            "unit": "connections",
        },
    )
    ca_file = FileField(
        load_default=None,
        validate=check_ca_file,
        metadata={
            "description": "The PEM file of the certificates to trust.",
            "default": "those of the machine",
        },
    )
    with_faulty_nodes = fields.Boolean(
        load_default=False,
        metadata={"description": "Whether `/vm/status` shows faulty VMs too."},
    )
