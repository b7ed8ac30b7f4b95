"""Failures of a cloud that its assignment backend passes on: other clouds are not affected."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stateful import Api, settings

BROKEN = """
[clouds.broken]
driver = "dummy"
retries = 0
[clouds.broken.breaker]
failures = 1000
[clouds.broken.faults]
operations = ["get_node", "list_nodes"]
"""


@pytest.mark.parametrize(
    ("fault", "status"),
    [("rate_limit_rate = 1.0\nretry_after = 30", 429), ("hang_rate = 1.0", 504)],
)
def test_a_cloud_that_fails_does_not_stop_the_backend(serve: Any, fault: str, status: int) -> None:
    deadlines = "[clouds.broken.deadlines]\nget_node = 0.1\nlist_nodes = 0.1\n"
    more = f"{BROKEN}{fault}\n{deadlines}"
    api = Api(serve(settings('url = "sqlite:///state.db"', more=more)))
    body = {"node": "1", "user": "ann", "vm_type": "app"}
    with api.http:
        for _ in range(7):
            assert api.put("/vm/action/assign/broken", body).status_code == status
        answer = api.assign("1")
        assert answer.status_code == 200, answer.text
