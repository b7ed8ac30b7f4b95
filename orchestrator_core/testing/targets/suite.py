"""The base classes of all suites."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from orchestrator_core.testing.targets.backend import BackendUnderTest
from orchestrator_core.testing.targets.cloud import CloudUnderTest
from orchestrator_core.testing.targets.extension import ExtensionUnderTest
from orchestrator_core.testing.targets.subject import Subject


class Suite:
    """A class of tests, each of which checks one behaviour of one plugin.

    Name the plugin in a class that pytest finds::

        class TestReads(BaseCloudReads):
            subject = Subject(Kind.CLOUD, "nimbus")
    """

    subject: ClassVar[Subject]


class CloudSuite(Suite):
    """Tests of a cloud; the fixture ``cloud`` is one cloud behind a running API, for all tests."""

    @pytest.fixture(scope="class")
    @classmethod
    def cloud(cls, request: pytest.FixtureRequest) -> Iterator[CloudUnderTest]:
        """Serve the cloud until the class has ended."""
        subject = request.cls.subject
        under_test = CloudUnderTest(subject)
        yield under_test
        try:
            if subject.live and under_test.is_up and not under_test.swept:
                under_test.sweep()  # an interrupted run must not leave nodes that cost money
        finally:
            under_test.close()


class AssignmentSuite(Suite):
    """Tests of an assignment backend; the fixture ``backend`` is one behind a running API."""

    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls, request: pytest.FixtureRequest) -> Iterator[BackendUnderTest]:
        """Serve the backend until the class has ended."""
        under_test = BackendUnderTest(request.cls.subject)
        yield under_test
        under_test.close()


class ExtensionSuite(Suite):
    """Tests of an extension; the fixture ``extension`` is one behind a running API."""

    @pytest.fixture(scope="class")
    @classmethod
    def extension(cls, request: pytest.FixtureRequest) -> Iterator[ExtensionUnderTest]:
        """Serve the extension until the class has ended."""
        under_test = ExtensionUnderTest(request.cls.subject)
        yield under_test
        under_test.close()
