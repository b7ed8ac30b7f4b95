"""Secrets and inner addresses, and their removal from everything that is shown or logged.

- ``registry`` has the secrets of this process.
- ``forms`` has the texts by which each secret is recognised.
- ``views`` decodes a text, and ``matcher`` finds the secrets in the decoded texts.
- ``addresses`` removes inner addresses from a plugin's messages.

The package does not depend on any other part of the core, so that each of them can use it.
"""

from orchestrator_core.redaction.addresses import Endpoint, hide_addresses
from orchestrator_core.redaction.forms import LEAST, texts
from orchestrator_core.redaction.registry import (
    MARK,
    keep_inside,
    keep_named,
    keep_plain,
    keep_secret,
    redact,
    redact_line,
    register_secret,
)

__all__ = [
    "LEAST",
    "MARK",
    "Endpoint",
    "hide_addresses",
    "keep_inside",
    "keep_named",
    "keep_plain",
    "keep_secret",
    "redact",
    "redact_line",
    "register_secret",
    "texts",
]
