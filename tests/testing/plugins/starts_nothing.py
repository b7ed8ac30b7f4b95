"""The dummy cloud for an account with every permission except starting nodes."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator_core import hookimpl
from orchestrator_dummy import DummyDriver


class StartsNothing(DummyDriver):
    @hookimpl
    def unsupported(self) -> Mapping[str, str]:
        return {"start_vm": "these credentials may not"}
