"""The server and the terms of requests that schemathesis generates from a description.

``FUZZ_INPUTS=200 pytest -s tests/v1/test_generated_requests.py`` (and ``tests/v2``) is
the long form: that many random requests for each operation, and all that cover its schema.
"""

from __future__ import annotations

import copy
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
from hypothesis import HealthCheck, Phase, settings

from tests import loopback
from tests.conftest import Server, running
from tests.stateful import settings as server_settings

_INPUTS: Final = os.environ.get("FUZZ_INPUTS")
# The explicit phase sends hundreds of requests for the fields of a start alone. The phase that
# makes a failing request smaller takes minutes, and the first one is small enough.
_PHASES: Final = [Phase.generate] if _INPUTS is None else [Phase.explicit, Phase.generate]

TERMS: Final = settings(
    max_examples=int(_INPUTS or 3),
    deadline=None,
    derandomize=True,
    phases=_PHASES,
    suppress_health_check=list(HealthCheck),
)
"""The number and the kinds of requests; the same ones in each run."""

CLOUD: Final = "fake_driver"
_NODE: Final = "a-node"
_ASSIGNMENT: Final = "an-assignment"
_OPERATION: Final = "an-operation"

# Random ids exist by luck only, and a request for a thing that does not exist tests little.
_VALUES: Final[Mapping[str, list[str]]] = {
    "cloud": [CLOUD],
    "node": [_NODE, "no-node"],
    "node_id": [_NODE, "no-node"],
    "assignment_id": [_ASSIGNMENT, "no-assignment"],
    "operation_id": [_OPERATION, "no-operation"],
    "image": ["1", "no-image"],
    "size": ["1", "no-size"],
}


def of_existing_things(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description whose ids are those of things that exist, or of one that does not."""
    narrowed = copy.deepcopy({**document, "security": []})
    for path in narrowed["paths"].values():
        for parameter in path.get("parameters", ()):
            if parameter["name"] in _VALUES:
                parameter["schema"]["enum"] = _VALUES[parameter["name"]]
    for operation in _operations(narrowed):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            name = content["schema"]["$ref"].rsplit("/", 1)[-1]
            for key, schema in narrowed["components"]["schemas"][name]["properties"].items():
                if key in _VALUES:
                    schema["enum"] = _VALUES[key]
    return narrowed


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (one for method, one in path.items() if method != "parameters")


class Target:
    """A server with a VM, an assignment and an operation, to which generated requests are sent.

    Attributes:
        sent: the number of requests by the status of their answers.
    """

    def __init__(self, server: Server, http: httpx2.Client) -> None:
        self.sent: Counter[int] = Counter()
        self._server = server
        self._http = http
        self._things: dict[str, str] = {}

    def send(self, case: Any, version: str) -> Any:
        """Send a generated request with the ids of things that exist; return the answer."""
        # A request of its own: schemathesis judges the generated one, by the narrowed description.
        named = case.operation.Case(
            method=case.method,
            path_parameters=self._named(case.path_parameters),
            headers=case.headers,
            cookies=case.cookies,
            query=case.query,
            body=self._named(case.body),
            media_type=case.media_type,
        )
        answer = named.call(base_url=f"{self._server.url}/api/{version}")
        self.sent[answer.status_code] += 1
        if case.method not in ("GET", "HEAD", "OPTIONS"):
            self._things.clear()  # the request may have destroyed or released them
        return answer

    def _named(self, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {key: self._existing(value) for key, value in values.items()}

    def _existing(self, value: Any) -> Any:
        if not isinstance(value, str) or value not in (_NODE, _ASSIGNMENT, _OPERATION):
            return value
        if not self._things:
            self._things = self._make()
        return self._things[value]

    def _make(self) -> dict[str, str]:
        held = self._get("/assignments", state="active")["assignments"]
        if not held:
            body = {"name": "x", "image": "1", "size": "1"}
            node = self._post(f"/clouds/{CLOUD}/nodes", body)["node"]["id"]
            self._post("/assignments", {"node": node, "user": "ann", "application": "cad"})
            held = self._get("/assignments", state="active")["assignments"]
        operation = self._get("/operations", limit="1")["operations"][0]
        named = held[0]
        return {_NODE: named["node"], _ASSIGNMENT: named["id"], _OPERATION: operation["id"]}

    def _get(self, path: str, **params: str) -> Any:
        return _content(self._http.get(path, params=params))

    def _post(self, path: str, body: Mapping[str, str]) -> Any:
        return _content(self._http.post(path, json=dict(body)))


def _content(answer: httpx2.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


@contextmanager
def serving_generated_requests(folder: Path) -> Iterator[Target]:
    """Serve the dummy cloud with a database.

    Without tokens: some checks send requests without one, and each failed login is answered later
    than the one before.
    """
    with running(server_settings(f'url = "sqlite:///{folder}/state.db"'), folder) as one:
        with loopback.client(f"{one.url}/api/v2") as http:
            target = Target(one, http)
            yield target
        statuses = dict(sorted(target.sent.items()))
        print(f"\n{target.sent.total()} requests, by status: {statuses}")  # noqa: T201
