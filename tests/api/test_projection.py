"""A projection does what its schema's ``dump`` does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import Schema, fields, post_dump

from orchestrator_core.api.projection import projection
from orchestrator_core.api.v1 import answers

SCHEMAS: list[Schema] = [
    answers.NodeSchema(),
    answers.ImageSchema(),
    answers.SizeSchema(),
    answers.VmSchema(),
    answers.AssignmentSchema(),
]
TEXTS = st.text() | st.integers() | st.none() | st.sampled_from([b"bytes", True])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "String": TEXTS,
    "Integer": st.integers() | st.sampled_from(["7", None, True]),
    "Raw": st.text() | st.integers() | st.none() | st.lists(st.integers()),
    "Dict": st.dictionaries(st.text(), st.integers()) | st.none(),
    "List": st.lists(TEXTS) | st.none(),
}


@settings(derandomize=True, deadline=None)
@given(data=st.data(), schema=st.sampled_from(SCHEMAS))
def test_it_equals_dump(data: st.DataObject, schema: Schema) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(schema.fields))))
    view = {name: data.draw(VALUES[type(schema.fields[name]).__name__]) for name in names}
    assert projection(schema)(view) == schema.dump(view)


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
    "schema", [_Timed(), _Renamed(), _Hooked(), _Numbered(), answers.SizeSchema(many=True)]
)
def test_a_schema_that_it_cannot_follow_is_refused(schema: Schema) -> None:
    with pytest.raises(TypeError, match="has no short way"):
        projection(schema)
