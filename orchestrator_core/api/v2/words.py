"""Words of answers that differ from those of the routes of version 2."""

from __future__ import annotations

from typing import Final

KINDS_OF_WORDS: Final = (
    "`stop_vm` destroys a VM (`DELETE`); `power_off_vm` is the action `stop`, and `power_on_vm` "
    "the action `start`."
)
"""The kinds of operations that have another name than their route."""
