"""The conformance kit: tests of whether a plugin behaves as the contract says.

Install it with ``pip install "vm-orchestrator[testing]"``. In a plugin's tests::

    from orchestrator_core.testing import make_suite

    TestNimbus = make_suite("cloud", "nimbus")
"""

from typing import TYPE_CHECKING

from orchestrator_core.deprecation import DeprecatedName, deprecated_names
from orchestrator_core.plugins.record import Kind
from orchestrator_core.testing.behaviours.assignment import BaseAssignment
from orchestrator_core.testing.behaviours.behaviour import BEHAVIOURS, Behaviour
from orchestrator_core.testing.behaviours.cloud_actions import BaseCloudActions
from orchestrator_core.testing.behaviours.cloud_changes import BaseCloudChanges
from orchestrator_core.testing.behaviours.cloud_live import BaseCloudLive
from orchestrator_core.testing.behaviours.cloud_power import BaseCloudPower
from orchestrator_core.testing.behaviours.cloud_reads import BaseCloudReads
from orchestrator_core.testing.behaviours.cloud_recovery import BaseCloudRecovery
from orchestrator_core.testing.behaviours.cloud_start_fields import BaseCloudStartFields
from orchestrator_core.testing.behaviours.extension import BaseExtension
from orchestrator_core.testing.behaviours.package import BasePackage
from orchestrator_core.testing.fake import Fake, Stage
from orchestrator_core.testing.runner.make import make_suite
from orchestrator_core.testing.targets.api import Answer, Api
from orchestrator_core.testing.targets.subject import Subject

__all__ = [
    "BEHAVIOURS",
    "Answer",
    "Api",
    "BaseAssignment",
    "BaseCloudActions",
    "BaseCloudChanges",
    "BaseCloudLive",
    "BaseCloudPower",
    "BaseCloudReads",
    "BaseCloudRecovery",
    "BaseCloudStartFields",
    "BaseExtension",
    "BasePackage",
    "Behaviour",
    "Fake",
    "Kind",
    "Stage",
    "Subject",
    "make_suite",
]

DEPRECATED: dict[str, DeprecatedName] = {}
"""The deprecated public names, as in :mod:`orchestrator_core`."""

if not TYPE_CHECKING:
    __getattr__ = deprecated_names(__name__, DEPRECATED)
