"""The handlers of all kinds of operation that need a call to a cloud or a backend."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchestrator_core.broker.changes.action import ActionHandler
from orchestrator_core.broker.changes.assign import Assigner
from orchestrator_core.broker.changes.destroy import Destroyer
from orchestrator_core.broker.changes.handler import Handler
from orchestrator_core.broker.changes.release import Releaser
from orchestrator_core.broker.changes.rename import Renamer
from orchestrator_core.broker.changes.resize import Resizer
from orchestrator_core.broker.changes.start import Starter
from orchestrator_core.broker.operations import kinds

HANDLERS: Final[Mapping[str, type[Handler]]] = MappingProxyType(
    {
        kinds.START.name: Starter,
        kinds.STOP.name: Destroyer,
        kinds.REBOOT.name: ActionHandler,
        kinds.POWER_ON.name: ActionHandler,
        kinds.POWER_OFF.name: ActionHandler,
        kinds.RESIZE.name: Resizer,
        kinds.RENAME.name: Renamer,
        kinds.CREATE_IMAGE.name: ActionHandler,
        kinds.ASSIGN.name: Assigner,
        kinds.RELEASE.name: Releaser,
    }
)
