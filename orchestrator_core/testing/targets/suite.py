"""What all suites have in common, and how one is put together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from orchestrator_core.testing.targets.backend import BackendUnderTest
from orchestrator_core.testing.targets.cloud import CloudUnderTest
from orchestrator_core.testing.targets.extension import ExtensionUnderTest
from orchestrator_core.testing.targets.subject import Subject


class Suite:
    """A class of tests, each of which shows one behaviour of one plugin.

    Name the plugin and let pytest find the class::

        class TestReads(BaseCloudReads):
            subject = Subject(Kind.CLOUD, "nimbus")
    """

    subject: ClassVar[Subject]


class CloudSuite(Suite):
    """Tests of a cloud: ``cloud`` is the cloud behind a running API, the same one for all tests."""

    @pytest.fixture(scope="class")
    @classmethod
    def cloud(cls, request: pytest.FixtureRequest) -> Iterator[CloudUnderTest]:
        """Serve the cloud until the class has ended."""
        subject = request.cls.subject
        under_test = CloudUnderTest(subject)
        yield under_test
        try:
            if subject.live and under_test.is_up and not under_test.swept:
                under_test.sweep()  # an interrupted run leaves nothing either
        finally:
            under_test.close()


class AssignmentSuite(Suite):
    """Tests of an assignment backend: ``backend`` is one behind a running API, beside a cloud."""

    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls, request: pytest.FixtureRequest) -> Iterator[BackendUnderTest]:
        """Serve the backend until the class has ended."""
        under_test = BackendUnderTest(request.cls.subject)
        yield under_test
        under_test.close()


class ExtensionSuite(Suite):
    """Tests of an extension: ``extension`` is one behind a running API, around a cloud."""

    @pytest.fixture(scope="class")
    @classmethod
    def extension(cls, request: pytest.FixtureRequest) -> Iterator[ExtensionUnderTest]:
        """Serve the extension until the class has ended."""
        under_test = ExtensionUnderTest(request.cls.subject)
        yield under_test
        under_test.close()
