"""Secrets and inner addresses, and their removal from everything that is shown or logged.

``registry`` knows the secrets of this process, ``forms`` the texts by which each is recognised,
``views`` undoes encodings, ``matcher`` finds the secrets in what they give, ``addresses`` takes
inner addresses out of a plugin's messages. The package stands below all others, so that any of
them can use it.
"""

from orchestrator_core.redaction.addresses import Endpoint, hide_addresses
from orchestrator_core.redaction.forms import LEAST, texts
from orchestrator_core.redaction.registry import (
    MARK,
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
    "keep_named",
    "keep_plain",
    "keep_secret",
    "redact",
    "redact_line",
    "register_secret",
    "texts",
]
