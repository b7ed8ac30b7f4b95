"""The shapes of answers: the schemas of version 1, and the keys of answers without a schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from marshmallow import Schema

from orchestrator_core.api.v1 import schemas
from tests.fuzz.answers import Answer, BadAnswer
from tests.fuzz.described import DescribedRoute
from tests.fuzz.route_inputs import RouteInput

_CLOUD: Final = frozenset(
    [
        "name",
        "driver",
        "type",
        "provider",
        "destroy",
        "host",
        "available",
        "message",
        "operations",
        "start_fields",
        "circuit",
        "threads",
        "queue",
        "last_success",
        "last_error",
        "scope",
        "pid",
    ]
)
_DESCRIPTION: Final = {"openapi", "info", "servers", "security", "paths", "components"}
_CHANGED: Final = {"id", "id_vm", "result"}
_ASSIGNED: Final = _CHANGED | {"assignment", "generation", "lease_expires_at"}
_RELEASED: Final = _CHANGED | {"deletion", "operation"}


def check_shape(given: RouteInput, answer: Answer) -> None:
    """Raise BadAnswer if a successful answer differs from the page of its route.

    Raises:
        BadAnswer: The answer has another shape.
    """
    if given.method == "OPTIONS":
        if answer.body or "allow" not in answer.headers:
            raise BadAnswer(f"an answer to OPTIONS: {answer}")
        return
    if given.method == "HEAD":
        return
    if isinstance(given.route, DescribedRoute):
        given.route.check(given.method, answer)
        return
    body = json.loads(answer.body)
    if answer.status == 202:
        _keys(body, {"status", "operation"})
        place = f"/api/v2/operations/{body['operation']}"
        if not answer.headers.get("location", "").endswith(place):
            raise BadAnswer(f"no location of the operation: {answer.headers}")
        return
    path = given.route.path.removeprefix("/api/v1").removesuffix("/{cloud}")
    check = _SHAPES.get(given.route.path.removeprefix("/api/v1")) or _SHAPES.get(path)
    if check is None:
        raise BadAnswer(f"{given.route.path} has no shape in this test: add it")
    if body.pop("status", "ok" if "openapi" in body else None) != "ok":
        raise BadAnswer(f"no status: {body}")
    check(body)


def _keys(found: Mapping[str, Any], wanted: frozenset[str] | set[str]) -> None:
    if set(found) != set(wanted):
        raise BadAnswer(f"keys {sorted(found)} instead of {sorted(wanted)}")


def _within(found: Mapping[str, Any], least: set[str], most: set[str]) -> None:
    if not least <= set(found) <= most:
        raise BadAnswer(f"keys {sorted(found)} instead of {sorted(most)}")


def _item(schema: Schema, item: dict[str, Any]) -> None:
    _keys(item, set(schema.fields))
    given = {name: value for name, value in item.items() if value is not None}
    wrong = schema.validate(given, partial=True)
    if wrong:
        raise BadAnswer(f"{item}: {wrong}")


def _list(key: str, kind: type[Schema]) -> Callable[[dict[str, Any]], None]:
    schema = kind()

    def check(body: dict[str, Any]) -> None:
        _keys(body, {key})
        for item in body[key]:
            _item(schema, item)

    return check


def _exactly(*keys: str) -> Callable[[dict[str, Any]], None]:
    return lambda body: _keys(body, set(keys))


def _cloud(body: dict[str, Any]) -> None:
    _keys(body["cloud"], _CLOUD)


def _node(body: dict[str, Any]) -> None:
    _keys(body, {"nodes"})
    _item(schemas.NodeSchema(), body["nodes"])


_SHAPES: Final[Mapping[str, Callable[[dict[str, Any]], None]]] = {
    "": _exactly(),
    "/cloud": _exactly("served_cloud"),
    "/cloud/{cloud}": _cloud,
    "/openapi.json": lambda body: _within(body, {"openapi", "paths"}, _DESCRIPTION),
    "/nodes": _list("nodes", schemas.NodeSchema),
    "/nodes/{cloud}/{node_id:path}": _node,
    "/images": _list("images", schemas.ImageSchema),
    "/sizes": _list("flavors", schemas.SizeSchema),
    "/flavors": _list("flavors", schemas.SizeSchema),
    "/locations": _list("locations", schemas.LocationSchema),
    "/vm/start": _node,
    "/vm/stop": _exactly("result"),
    "/vm/status": _list("nodes", schemas.VmSchema),
    "/vm/action/assign": lambda body: _within(body, _CHANGED, _ASSIGNED),
    "/vm/action/renew": lambda body: _within(body, _CHANGED, _ASSIGNED),
    "/vm/action/release": lambda body: _within(body, _CHANGED, _RELEASED),
    "/vm/action/reboot": _exactly("result"),
    "/vm/action/poweron": _exactly("result"),
    "/vm/action/poweroff": _exactly("result"),
}
