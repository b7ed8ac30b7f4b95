"""Words of answers that differ from those of the routes of version 2."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

KINDS_OF_WORDS: Final = (
    "`stop_vm` destroys a VM (`DELETE`); `power_off_vm` is the action `stop`, and `power_on_vm` "
    "the action `start`."
)
"""The kinds of operations that have another name than their route."""

TAGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "clouds": "The configured clouds: what each takes and offers, and its health.",
        "nodes": "VMs: start, show, change and destroy them.",
        "assignments": "Who holds which VM, and until when.",
        "operations": "Every change that was asked for, with its state and its result.",
        "orphans": "VMs that this installation started and no record owns, and what to do.",
        "plugins": "The installed plugins.",
        "processes": "The processes that work on the database.",
    }
)
"""The kinds of things that routes are about, beside the lists of a cloud."""
