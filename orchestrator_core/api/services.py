"""The objects that the resources of every version use."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_core.broker.base import Broker
from orchestrator_core.clouds.extensions import Extensions
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.plugins.loader import Plugins
from orchestrator_core.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The objects that resources use, made once by :func:`orchestrator_core.app.create_app`."""

    settings: Settings
    plugins: Plugins
    registry: Registry
    extensions: Extensions
    broker: Broker
