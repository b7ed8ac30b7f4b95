"""Tests of this plugin's own behaviour through HTTP, on a server with this cloud only."""

from collections.abc import Callable

from orchestrator_core.testing import Api

START = {"name": "web", "image": "1", "size": "1"}


def test_no_more_nodes_than_its_quota(orchestrator_api: Callable[..., Api]) -> None:
    api = orchestrator_api("cloud", "stratus", {"quota": 1})
    first = api.post("/vm/start/cloud", START)
    assert first.json["nodes"]["name"] == "web"
    refused = api.post("/vm/start/cloud", START)
    assert (refused.status, refused.error_code) == (400, "quota_exceeded")
    assert len(api.get("/nodes/cloud").json["nodes"]) == 1
