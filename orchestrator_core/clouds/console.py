"""The console output of a node, as callers may see it."""

from __future__ import annotations

from typing import Final

from orchestrator_core.redaction import redact

LONGEST: Final = 2**20
"""The bytes of a console's output that are passed on: its end."""

_READ: Final = LONGEST + 2**16
"""The bytes in which secrets are searched: a secret that is cut at their beginning is not shown.

The search takes 0.2 s for a MiB of an ordinary log, and 3 s for one of random characters.
"""


def shown(output: str) -> str:
    """Return the last MiB of an output, without secrets; control characters stay.

    Half of a character that is not valid Unicode cannot be sent as JSON, and becomes ``?``.
    """
    return _end(redact(_end(output, _READ)), LONGEST)


def _end(text: str, most: int) -> str:
    return text[-most:].encode("utf-8", "replace")[-most:].decode("utf-8", "ignore")
