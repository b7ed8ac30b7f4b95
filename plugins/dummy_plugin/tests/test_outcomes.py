"""Seeds: the same seed gives the same faults, whatever other calls come between."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core import CloudError, Deadline
from orchestrator_dummy import FaultInjectionDriver
from orchestrator_dummy.distribution import parse
from orchestrator_dummy.faults import CHANGES, READS, Fault, Faults
from orchestrator_dummy.outcomes import Outcome, Outcomes

Make = Callable[..., FaultInjectionDriver]

OPERATIONS = (*READS, *CHANGES)
SEEDS = st.integers(-(2**70), 2**70)
RATES = st.dictionaries(st.sampled_from(list(Fault)), st.floats(0, 1))

PATTERN = """
import sys
from pathlib import Path
from orchestrator_core import CloudError, Deadline, PluginContext
from orchestrator_dummy import FaultInjectionDriver

loaded = FaultInjectionDriver.settings_schema().load({"faults": {"error_rate": 0.4, "seed": 7}})
cloud = FaultInjectionDriver(PluginContext("cloud", Path(sys.argv[1])), loaded)
for _ in range(30):
    try:
        cloud.list_nodes(Deadline(60), {})
    except CloudError:
        print("x", end="")
    else:
        print("-", end="")
"""


def pattern(cloud: FaultInjectionDriver, calls: int) -> str:
    def one() -> str:
        try:
            cloud.list_nodes(Deadline(60), {})
        except CloudError:
            return "x"
        return "-"

    return "".join(one() for _ in range(calls))


def test_a_run_is_repeated_by_its_seed(make_cloud: Make, tmp_path: Path) -> None:
    """The run repeats in this process, in another one, and in the next version."""
    ours = pattern(make_cloud({"error_rate": 0.4, "seed": 7}), 30)
    command = [sys.executable, "-c", PATTERN, str(tmp_path)]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ours == theirs == "-xx-x--x-xx--xxx-x--x-x-x-xxx-"
    assert ours != pattern(make_cloud({"error_rate": 0.4, "seed": 8}), 30)


def test_without_a_seed_the_log_tells_it(
    make_cloud: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        first = pattern(make_cloud({"error_rate": 0.5}), 40)
    (seed,) = re.findall(r"Cloud cloud injects faults, with seed = (\d+)", caplog.text)
    assert pattern(make_cloud({"error_rate": 0.5, "seed": int(seed)}), 40) == first
    # The probability of an error is 1 in 2 ** 40.
    assert pattern(make_cloud({"error_rate": 0.5}), 40) != first


def test_without_faults_nothing_is_logged(
    make_cloud: Make, caplog: pytest.LogCaptureFixture
) -> None:
    make_cloud()
    assert caplog.text == ""


@settings(deadline=None)
@given(SEEDS, RATES, st.lists(st.sampled_from(OPERATIONS), max_size=40))
def test_the_nth_call_of_an_operation_does_not_depend_on_the_others(
    seed: int, rates: dict[Fault, float], calls: list[str]
) -> None:
    faults = Faults(rates=rates, latency=parse("uniform(0, 1)"))
    mixed = Outcomes(faults, seed)
    seen: dict[str, list[Outcome]] = {}
    for operation in calls:
        seen.setdefault(operation, []).append(mixed.next(operation))
    for operation, outcomes in seen.items():
        alone = Outcomes(faults, seed)
        assert [alone.next(operation) for _ in outcomes] == outcomes


@settings(deadline=None)
@given(SEEDS, RATES, st.sampled_from(list(Fault)), st.sampled_from(OPERATIONS))
def test_a_higher_rate_of_one_fault_only_adds_to_that_fault(
    seed: int, rates: dict[Fault, float], fault: Fault, operation: str
) -> None:
    low = Outcomes(Faults(rates=rates), seed)
    high = Outcomes(Faults(rates={**rates, fault: 1.0}), seed)
    for _ in range(10):
        before, after = low.next(operation).faults, high.next(operation).faults
        assert after - {fault} == before - {fault}
        assert fault in after


def test_threads_share_the_count() -> None:
    outcomes = Outcomes(Faults(latency=parse("uniform(0, 1)")), 3)
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda _: outcomes.next("list_nodes").latency, range(400)))
    expected = Outcomes(Faults(latency=parse("uniform(0, 1)")), 3)
    assert sorted(drawn) == sorted(expected.next("list_nodes").latency for _ in range(400))


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.RATE_LIMIT, Fault.ERROR, Fault.EMPTY])
def test_a_rate_is_a_rate(fault: Fault) -> None:
    for rate in (0.0, 0.1, 0.5, 1.0):
        outcomes = Outcomes(Faults(rates={fault: rate}), 11)
        hit = sum(fault in outcomes.next("list_nodes").faults for _ in range(2000))
        assert abs(hit - 2000 * rate) <= (0 if rate in (0.0, 1.0) else 80)


@pytest.mark.parametrize(
    ("text", "low", "median", "high"),
    [
        (0.25, 0.25, 0.25, 0.25),
        ("2", 2.0, 2.0, 2.0),
        ("uniform(0.1, 0.5)", 0.1, 0.3, 0.5),
        ("normal(1, 0.2)", 0.0, 1.0, 3.0),
        ("normal(0.5,2)", 0.0, 0.5, 20.0),  # A draw below 0 counts as 0.
        ("lognormal(0.2, 0.5)", 0.0, 0.2, 20.0),
        ("lognormal(43200, 2)", 0.0, 43_200.0, 86_400.0),  # No draw is more than a day.
        (" exponential( 1.0 ) ", 0.0, 0.693, 30.0),
    ],
)
def test_latency_follows_its_distribution(
    text: Any, low: float, median: float, high: float
) -> None:
    outcomes = Outcomes(Faults(latency=parse(text)), 5)
    drawn = sorted(outcomes.next("list_nodes").latency for _ in range(2001))
    assert low <= drawn[0]
    assert drawn[-1] <= high
    assert drawn[1000] == pytest.approx(median, rel=0.15)
