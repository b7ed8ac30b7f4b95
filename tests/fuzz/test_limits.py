"""The cost of every part of a request: in proportion to its length, without blocking the loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from orchestrator_core.app import create_app
from orchestrator_core.settings.load import load_settings
from tests.conftest import OPS_TOKEN
from tests.fuzz.in_process import Harness
from tests.fuzz.steps import Cost, Meter
from tests.fuzz.worst_cases import Make, bodies, lines

SETTINGS = """
default_cloud = "fake_driver"
[clouds.fake_driver]
driver = "dummy"
[auth]
mode = "token"
[auth.tokens]
ops = "env:OPS"
"""

LONGEST_STEP = 0.010
LINE = 8_000
BODY = 1_000_000


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meter]:
    config: Path = tmp_path_factory.mktemp("limits") / "orchestrator.toml"
    config.write_text(SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPS", OPS_TOKEN)
        app = create_app(load_settings(config, {}))
    with Harness(app) as harness:
        yield Meter(harness)


def too_costly(meter: Meter, cases: Mapping[str, Make], size: int) -> list[str]:
    """Return the cases that cost too much, with their figures."""
    found = []
    for name, make in cases.items():
        short = meter.cost(make(size // 4))
        # A quadratic cost would be 16 times.
        limit = Cost(LONGEST_STEP, 8 * short.total + 0.004)
        long = meter.cost(make(size), limit)
        if not long.is_within(limit):
            found.append(f"{name}: {short} for a quarter, {long} for {size} bytes")
    return found


@pytest.mark.parametrize("part", range(3))
def test_lines_at_their_limits(meter: Meter, part: int) -> None:
    cases = lines()
    some = dict(list(cases.items())[part::3])
    assert too_costly(meter, some, LINE) == []


def test_bodies_at_their_limits(meter: Meter) -> None:
    assert too_costly(meter, bodies(), BODY) == []
