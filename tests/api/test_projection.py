"""A projection does what its schema's ``dump`` does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import Schema, fields, post_dump

from orchestrator_core.api.projection import View, projection
from orchestrator_core.api.v1 import answers, schemas
from orchestrator_core.model import (
    AssignmentResult,
    Image,
    Location,
    Node,
    NodeState,
    Size,
    Vm,
)

TEXTS = st.text() | st.integers() | st.none() | st.sampled_from([b"bytes", True])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "String": TEXTS,
    "Integer": st.integers() | st.sampled_from(["7", None, True]),
    "Raw": st.text() | st.integers() | st.none() | st.lists(st.integers()),
    "Dict": st.dictionaries(st.text(), st.integers()) | st.none(),
    "List": st.lists(TEXTS) | st.none(),
}
PLAIN = {
    schema: View("it", {name: f"it.{name}" for name in schema().fields}) for schema in answers.VIEWS
}


@settings(derandomize=True, deadline=None)
@given(data=st.data(), schema=st.sampled_from(list(PLAIN)))
def test_it_equals_dump_whatever_the_values_are(data: st.DataObject, schema: type[Schema]) -> None:
    values = {
        name: data.draw(VALUES[type(field).__name__]) for name, field in schema().fields.items()
    }
    short = projection(schema(), PLAIN[schema])
    assert short.one(None, SimpleNamespace(**values)) == schema().dump(values)
    assert short.many(None, [SimpleNamespace(**values)] * 2) == [schema().dump(values)] * 2


NAMED = answers.NamedCloud("lab", "Some Cloud", "some")
NODE = Node("1", "one", NodeState.STOPPED, ["1.2.3.4"], ["10.0.0.1"], {"a": {"b": [1, None]}})


@pytest.mark.parametrize(
    ("schema", "thing"),
    [
        (schemas.NodeSchema, NODE),
        (schemas.NodeOfCloudSchema, NODE),
        (schemas.ImageSchema, Image("i", "image")),
        (schemas.SizeSchema, Size("s", "size", 1, 2, 0.5)),
        (schemas.LocationSchema, Location("l", "place", None)),
        (schemas.VmSchema, Vm(1, "2", "host")),
        (schemas.AssignmentSchema, AssignmentResult(1, "2", "done")),
    ],
)
def test_the_model_is_shown_as_dump_shows_its_view(schema: type[Schema], thing: Any) -> None:
    view = answers.VIEWS[schema]
    dumped = schema().dump(view.mapping(NAMED, thing))
    assert projection(schema(), view).one(NAMED, thing) == dumped
    assert list(dumped) == list(schema().fields)


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
    with pytest.raises(TypeError, match="has no short way"):
        projection(schema, View("it", dict.fromkeys(schema.fields, "it")))


def test_a_view_of_other_fields_is_refused() -> None:
    with pytest.raises(TypeError, match="other fields"):
        projection(schemas.VmSchema(), View("it", {"id": "it.id"}))
