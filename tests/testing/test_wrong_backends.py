"""Assignment backends under the kit: good ones pass, and wrong ones fail in their one behaviour."""

from __future__ import annotations

import pytest

from orchestrator_core.testing import Kind
from tests.testing.family import Plugin, fails, first, good, holds, wrong


@pytest.mark.parametrize("plugin", good(Kind.ASSIGNMENT), ids=str)
def test_a_good_one_passes(plugin: Plugin) -> None:
    holds(plugin)


@pytest.mark.parametrize("plugin", first(Kind.ASSIGNMENT, whole=True), ids=str)
def test_a_wrong_one_fails_what_it_breaks_and_nothing_else(plugin: Plugin) -> None:
    holds(plugin)


@pytest.mark.parametrize("plugin", first(Kind.ASSIGNMENT, whole=False), ids=str)
def test_a_wrong_one_fails_what_it_breaks(plugin: Plugin) -> None:
    fails(plugin)


@pytest.mark.soak
@pytest.mark.parametrize("plugin", wrong(Kind.ASSIGNMENT), ids=str)
def test_every_wrong_one_does(plugin: Plugin) -> None:
    holds(plugin)
