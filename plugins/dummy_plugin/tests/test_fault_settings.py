"""Keys and values of ``[clouds.NAME.faults]``, and the errors for wrong ones."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from orchestrator_dummy.faults import FaultsSchema


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("sed", 1, "Unknown field"),
        ("seed", 1.5, "integer"),
        ("seed", "x", "integer"),
        ("operations", "list_nodes", "list"),
        ("operations", ["list_node"], "list_nodes, list_images"),
        ("operations", ["describe"], "must be one of"),
        ("hang_rate", 1.01, "less than or equal to 1"),
        ("error_rate", -0.1, "greater than or equal to 0"),
        ("empty_rate", float("nan"), "nan"),
        ("lost_answer_rate", "often", "number"),
        ("deaf", 3, "boolean"),
        ("error", "boom", "failed, unreachable, credentials, quota, conflict, invalid_answer"),
        ("retry_after", -1, "greater than"),
        ("visible_after", float("inf"), "infinity"),
        ("visible_after", 86_401, "less than"),
        ("latency", True, "must be seconds or one of: uniform(low, high)"),
        ("latency", [1], "must be seconds or one of"),
        ("latency", "", "must be seconds or one of"),
        ("latency", -1, "below 0"),
        ("latency", float("nan"), "below 0"),
        ("latency", "100000", "above 86400"),
        ("latency", "1e3", "must be seconds or one of"),
        ("latency", "\u0661", "must be seconds or one of"),
        ("latency", "unifrom(1, 2)", "uniform(low, high), normal(mean, deviation)"),
        ("latency", "uniform", "must be seconds or one of"),
        ("latency", "uniform(1)", "must be uniform(low, high)"),
        ("latency", "uniform(1, 2, 3)", "must be uniform(low, high)"),
        ("latency", "uniform(1, -2)", "not below 0"),
        ("latency", "uniform(1, (2))", "must be uniform(low, high)"),
        ("latency", "uniform(2, 1)", "low is more than high"),
        ("latency", "normal(1, x)", "must be normal(mean, deviation)"),
        ("latency", "lognormal(0, 1)", "the median must be more than 0"),
        ("latency", "lognormal(1, 11)", "sigma must be at most 10"),
        ("latency", "exponential(0)", "the mean must be more than 0"),
        ("latency", "exit(1)", "must be seconds or one of"),
    ],
)
def test_what_is_wrong_is_said(key: str, value: Any, says: str) -> None:
    with pytest.raises(ValidationError) as raised:
        FaultsSchema().load({key: value})
    assert list(raised.value.messages_dict) == [key]
    assert says in str(raised.value.messages_dict[key])
