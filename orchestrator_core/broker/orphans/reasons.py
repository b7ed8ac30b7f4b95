"""Reasons for which a VM counts as an orphan."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class OrphanReason(StrEnum):
    """The reason for which a VM counts as an orphan."""

    UNKNOWN_OPERATION = "unknown_operation"
    OPERATION_ENDED = "operation_ended"
    SECOND_OF_ONE = "second_of_one"
    GONE_BEFORE = "gone_before"


MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        OrphanReason.UNKNOWN_OPERATION: "it has the marker of this installation, but the database "
        "does not know its operation; the database may be older than the VM",
        OrphanReason.OPERATION_ENDED: "its start was recorded as failed before the VM appeared",
        OrphanReason.SECOND_OF_ONE: "its operation has also started another VM",
        OrphanReason.GONE_BEFORE: "its cloud reported it as gone and shows it again",
    }
)
"""The meanings of the reasons."""
