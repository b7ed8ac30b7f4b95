"""Generated pages: equal to the code, which describes every entry."""

from __future__ import annotations

import pytest
from marshmallow import Schema, fields

from docs.pages import NAMES, ROOT, text_of
from orchestrator_core.settings.reference import plugin_tables


@pytest.mark.parametrize("name", NAMES)
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    assert page == text_of(name), "make pages writes it again"


@pytest.mark.parametrize(
    ("field", "missing"),
    [
        (fields.String(), "description"),
        (fields.String(metadata={"description": "no full stop"}), "description"),
        (fields.Integer(metadata={"description": "A number."}), "unit"),
        (fields.Raw(metadata={"description": "A thing."}), "type"),
    ],
)
def test_a_key_that_is_not_described_is_refused(field: fields.Field[str], missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        plugin_tables(Schema.from_dict({"key": field})(), ("clouds", "NAME"))


def test_a_plugins_table_shows_its_own_defaults() -> None:
    inner = Schema.from_dict({"a": fields.Boolean(metadata={"description": "A flag."})})
    schema = Schema.from_dict(
        {
            "n": fields.Integer(load_default=8, metadata={"description": "N.", "unit": "calls"}),
            "more": fields.Nested(inner),
        }
    )
    assert plugin_tables(schema(), ("clouds", "NAME")) == (
        "In `[clouds.NAME]`:\n\n"
        "| key | type | unit | default | allowed values | meaning |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| `n` | integer | calls | `8` |  | N. |\n\n"
        "In `[clouds.NAME.more]`:\n\n"
        "| key | type | unit | default | allowed values | meaning |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| `a` | true or false |  | none |  | A flag. |\n"
    )
