"""Projections: the same result as the schema's ``dump``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import Schema, fields, post_dump

from orchestrator_core.api.shared.projection import View, projection
from orchestrator_core.api.v1 import answers, schemas
from orchestrator_core.model import (
    AssignmentResult,
    CloudDescription,
    Image,
    Location,
    Node,
    NodeState,
    Size,
    Vm,
)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "String": st.text() | st.none(),
    "Integer": st.integers() | st.none(),
    "Raw": st.text() | st.integers() | st.floats(allow_nan=False) | st.none(),
    "Dict": st.dictionaries(st.text(), st.integers()) | st.none(),
    "List": st.lists(st.text()) | st.none(),
}
PLAIN = {
    schema: View("it", {name: f"it.{name}" for name in schema().fields}) for schema in answers.VIEWS
}


@settings(derandomize=True, deadline=None)
@given(data=st.data(), schema=st.sampled_from(list(PLAIN)))
def test_it_equals_dump_whatever_values_of_the_right_type_it_is_given(
    data: st.DataObject, schema: type[Schema]
) -> None:
    values = {
        name: data.draw(VALUES[type(field).__name__]) for name, field in schema().fields.items()
    }
    short = projection(schema(), PLAIN[schema])
    assert short.one(None, SimpleNamespace(**values)) == schema().dump(values)
    assert short.many(None, [SimpleNamespace(**values)] * 2) == [schema().dump(values)] * 2


CLOUD = CloudDescription("some", "Some Cloud")
NODE = Node("1", "one", NodeState.STOPPED, ["1.2.3.4"], ["10.0.0.1"], {"a": {"b": [1, None]}})


@pytest.mark.parametrize(
    ("schema", "thing"),
    [
        (schemas.NodeSchema, NODE),
        (schemas.ImageSchema, Image("i", "image")),
        (schemas.SizeSchema, Size("s", "size", 1, 2, 0.5)),
        (schemas.LocationSchema, Location("l", "place", None)),
        (schemas.VmSchema, Vm(1, "2", "host")),
        (schemas.AssignmentSchema, AssignmentResult(1, "2", "done")),
    ],
)
def test_the_model_is_shown_as_dump_shows_its_view(schema: type[Schema], thing: Any) -> None:
    view = answers.VIEWS[schema]
    shown = projection(schema(), view).one(CLOUD, thing)
    assert shown == schema().dump(shown)
    assert list(shown) == list(schema().fields)


def test_a_marker_is_never_shown() -> None:
    node = Node("1", "one", secrets={"password": "p"}, marker="a-mark")
    cloud = CloudDescription("dummy", "Dummy")
    shown = [
        answers.shape_node(cloud, node),
        answers.shape_node(cloud, node, secrets=True),
        *answers.shaper(schemas.NodeSchema)(cloud, [node]),
    ]
    assert len(shown) == 3
    assert "a-mark" not in repr([shown, node])


def test_every_state_has_its_number() -> None:
    assert set(schemas.STATES) == set(NodeState)


def test_uuids_are_the_documented_ones_however_many_there_are() -> None:
    nodes = [Node(str(number), "x") for number in range(40_000)]
    shown = answers.shaper(schemas.NodeSchema)(CloudDescription("dummy", "Dummy"), nodes)
    assert shown[1]["uuid"] == "2c183c20f71eb5732512d6cfe1f75ebc9d9bb4dd"
    assert len({node["uuid"] for node in shown}) == len(nodes)


class _Renamed(Schema):
    name = fields.String(data_key="title")


class _Hooked(Schema):
    name = fields.String()

    @post_dump
    def add(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**data, "more": 1}


class _Timed(Schema):
    when = fields.DateTime()


class _Numbered(Schema):
    number = fields.Integer(as_string=True)


@pytest.mark.parametrize(
    "schema", [_Timed(), _Renamed(), _Hooked(), _Numbered(), schemas.SizeSchema(many=True)]
)
def test_a_schema_that_it_cannot_follow_is_refused(schema: Schema) -> None:
    with pytest.raises(TypeError, match="has no fast path"):
        projection(schema, View("it", dict.fromkeys(schema.fields, "it")))


def test_a_view_of_other_fields_is_refused() -> None:
    with pytest.raises(TypeError, match="other fields"):
        projection(schemas.VmSchema(), View("it", {"id": "it.id"}))
