"""Tests that the kit adds to a suite beside its behaviours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pytest

from orchestrator_core.testing.behaviours.behaviour import behaviours_of
from orchestrator_core.testing.runner.report import Result, written_into
from orchestrator_core.testing.targets.suite import Suite


class _Kit(Protocol):
    shown: list[Result]


class _Added(pytest.Item):
    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the place and the name of this test."""
        return self.path, None, f"{self.name} of the conformance kit"


class Tampered(_Added):
    """A test that fails because a behaviour was overridden or removed."""

    def __init__(self, *, why: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._why = why

    def runtest(self) -> None:
        """Fail with the reason."""
        pytest.fail(f"{self._why}; keep every behaviour of the suite", pytrace=False)


class ReadmeTable(_Added):
    """A test that compares the table in a plugin's README with the results."""

    def __init__(self, *, suite: type[Suite], kit: _Kit, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._subject = suite.subject
        self._numbers = {shown.number for shown in behaviours_of(suite).values()}
        self._kit = kit

    def runtest(self) -> None:
        """Compare the table, if the whole suite was run."""
        file, name = self._subject.readme, self._subject.name
        assert file is not None
        results = [one for one in self._kit.shown if one.plugin == self._subject.label]
        if {one.number for one in results} != self._numbers:
            pytest.skip("only a part of the suite was run")
        text = file.read_text(encoding="utf-8")
        if written_into(text, results) != text:
            how = f"orchestrator plugin check {name} --readme {file.name}"
            pytest.fail(f"{file.name} has other results; update it with: {how}", pytrace=False)
