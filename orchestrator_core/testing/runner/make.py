"""The function that creates a whole suite."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from orchestrator_core.plugins.record import Kind
from orchestrator_core.testing.behaviours.assignment import BaseAssignment
from orchestrator_core.testing.behaviours.cloud_actions import BaseCloudActions
from orchestrator_core.testing.behaviours.cloud_changes import BaseCloudChanges
from orchestrator_core.testing.behaviours.cloud_live import BaseCloudLive
from orchestrator_core.testing.behaviours.cloud_power import BaseCloudPower
from orchestrator_core.testing.behaviours.cloud_reads import BaseCloudReads
from orchestrator_core.testing.behaviours.cloud_recovery import BaseCloudRecovery
from orchestrator_core.testing.behaviours.cloud_start_fields import BaseCloudStartFields
from orchestrator_core.testing.behaviours.extension import BaseExtension
from orchestrator_core.testing.behaviours.package import BasePackage
from orchestrator_core.testing.fake import FakeFactory
from orchestrator_core.testing.targets.subject import Subject
from orchestrator_core.testing.targets.suite import Suite

SUITES: Final[dict[Kind, tuple[type[Suite], ...]]] = {
    Kind.CLOUD: (
        BasePackage,
        BaseCloudReads,
        BaseCloudChanges,
        BaseCloudPower,
        BaseCloudActions,
        BaseCloudRecovery,
        BaseCloudStartFields,
    ),
    Kind.ASSIGNMENT: (BasePackage, BaseAssignment),
    Kind.EXTENSION: (BasePackage, BaseExtension),
}
"""The classes with the behaviours of each kind of plugin."""


def make_suite(
    kind: str, name: str, fake: FakeFactory | None = None, readme: Path | None = None
) -> type[Suite]:
    """Return a class that checks every behaviour of a plugin of this kind.

    pytest finds it by its name in a test module::

        TestNimbus = make_suite("cloud", "nimbus")

    Args:
        kind: ``cloud``, ``assignment`` or ``extension``.
        name: The name of the plugin's entry point.
        fake: A function that sets up the fake; None for the one that the plugin's class names.
        readme: A file whose table must be the one that ``orchestrator plugin check NAME --readme
            FILE`` would write; None for no comparison.
    """
    return suite_of(Subject(Kind(kind), name, fake, readme=readme))


def suite_of(subject: Subject, *, static: bool = False) -> type[Suite]:
    """Return the class of :func:`make_suite` for a subject.

    Args:
        subject: The plugin.
        static: Whether only its package is checked.
    """
    suites = (BasePackage,) if static else SUITES[subject.kind]
    if subject.live:
        suites = (*suites, BaseCloudLive)
    return type("ConformanceSuite", suites, {"subject": subject})
