"""Settings from the environment, for every key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from marshmallow import INCLUDE, Schema, fields

from orchestrator_core import SecretMapping
from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.load import load_section, load_settings


class Inner(Schema):
    tenant = fields.String()


class PluginSchema(Schema):
    """A schema with every type of a plugin's settings."""

    tenant = fields.String()
    inner = fields.Nested(Inner)
    tables = fields.Dict(keys=fields.String(), values=fields.Nested(Inner))
    tenants = fields.Dict(keys=fields.String(), values=fields.String())
    arguments = SecretMapping(texts=lambda name: name == "tenant")
    free = SecretMapping()
    anything = fields.Raw()
    seconds = fields.Float()
    count = fields.Integer(strict=True)
    flag = fields.Boolean(truthy={True}, falsy={False})
    names = fields.List(fields.String())


class OpenSchema(PluginSchema):
    """The same schema, with unknown keys allowed."""

    class Meta:
        unknown = INCLUDE


def of_plugin(variables: Mapping[str, str], schema: Schema) -> dict[str, Any]:
    """Load variables below ``[clouds.os]`` with a plugin's schema."""
    environ = {f"ORCHESTRATOR__CLOUDS__OS__{name}": text for name, text in variables.items()}
    settings = load_settings(None, {**environ, "ORCHESTRATOR__CLOUDS__OS__DRIVER": "x"})
    return load_section(schema, settings.clouds["os"].plugin, settings, ("clouds", "os"), ())


def test_it_goes_before_the_file(tmp_path: Path) -> None:
    config = tmp_path / "orchestrator.toml"
    config.write_text(
        '[server]\nbind = "127.0.0.1:1"\nworkers = 1\n[clouds."My-Cloud.eu"]\ndriver = "dummy"\n'
    )
    settings = load_settings(
        None,
        {
            "ORCHESTRATOR_CONFIG": str(config),
            "ORCHESTRATOR__SERVER__BIND": "127.0.0.1:2",
            "ORCHESTRATOR__SERVER__WORKERS": "3",
            "ORCHESTRATOR__PLUGINS__DENY": '["a", "b"]',
            "ORCHESTRATOR__CLOUDS__MY_CLOUD_EU__THREADS": "5",
            "ORCHESTRATOR__CLOUDS__NEW__DRIVER": "dummy",
            "ORCHESTRATOR__DEFAULT_CLOUD": "new",
        },
    )
    assert settings.server.bind == "127.0.0.1:2"
    assert settings.server.workers == 3
    assert settings.plugins.deny == ("a", "b")
    assert settings.clouds["My-Cloud.eu"].threads == 5
    assert settings.clouds["new"].driver == "dummy"
    assert settings.default_cloud == "new"


def test_without_anything_the_defaults_hold() -> None:
    settings = load_settings(None, {})
    assert settings.server.bind == "127.0.0.1:5050"
    assert not settings.clouds
    assert settings.auth.mode == "none"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SERVER__WORKERS", "0", "variable ORCHESTRATOR__SERVER__WORKERS: must be a whole number"),
        ("PLUGINS__DENY", '["a", 1]', "variable ORCHESTRATOR__PLUGINS__DENY: 1: not a valid"),
        ("SERVER__BIND", '"127.0.0.1:1"\nworkers = 9', 'must be "HOST:PORT" or "unix:PATH"'),
        ("SERVER__BIND", "[" * 3000, 'must be "HOST:PORT" or "unix:PATH"'),
    ],
)
def test_what_is_wrong_is_told_by_the_variable(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {f"ORCHESTRATOR__{name}": value})
    assert message in caught.value.message


TEXTS = [
    "12e10",
    "007",
    "true",
    "1_000",
    "12345",
    "2026-01-02",
    "inf",
    "nan",
    "0x10",
    "1.50",
    "[a]",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_stays_as_it_is_written(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text("x")
    settings = load_settings(
        None,
        {
            "ORCHESTRATOR__CLOUDS__OS__DRIVER": text,
            "ORCHESTRATOR__CLOUDS__OS__PROVIDER_LABEL": text,
            "ORCHESTRATOR__STATE__URL": text,
        },
    )
    assert settings.clouds["os"].driver == text
    assert settings.clouds["os"].provider_label == text
    assert settings.state is not None
    assert settings.state.url.reveal() == text


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("schema", [PluginSchema, OpenSchema])
def test_a_text_of_a_plugin_stays_as_it_is_written(text: str, schema: type[Schema]) -> None:
    names = ["TENANT", "INNER__TENANT", "TABLES__ONE__TENANT", "TENANTS__ONE", "ARGUMENTS__TENANT"]
    loaded = of_plugin(dict.fromkeys(names, text), schema())
    inner = {"tenant": text}
    assert loaded == {
        "tenant": text,
        "inner": inner,
        "tables": {"one": inner},
        "tenants": {"one": text},
        "arguments": inner,
    }


def test_what_is_no_text_has_its_type() -> None:
    loaded = of_plugin(
        {
            "SECONDS": "12e1",
            "COUNT": "1_000",
            "FLAG": "true",
            "NAMES": '["a", "b"]',
            "INNER": '{tenant = "x"}',
            "TENANT": '"quoted"',
            "TENANTS": '{one = "x"}',
            "TENANTS__TWO": "12e10",
        },
        PluginSchema(),
    )
    assert loaded == {
        "seconds": 120.0,
        "count": 1000,
        "flag": True,
        "names": ["a", "b"],
        "inner": {"tenant": "x"},
        "tenant": "quoted",
        "tenants": {"one": "x", "two": "12e10"},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("5000", 5000), ("-1", -1), ("true", True), ("false", False), ("1.5", 1.5)),
        *(('"5000"', "5000"), ("'true'", "true"), ('["a"]', ["a"]), ("{a = 1}", {"a": 1})),
        *((text, text) for text in TEXTS if text not in ("true", "12345")),
        *(("True", "True"), ("+5", "+5"), ("1e3", "1e3"), ("", ""), ("12:00:00", "12:00:00")),
    ],
)
def test_where_nothing_tells_the_type_the_usual_writing_does(text: str, value: object) -> None:
    loaded = of_plugin({"FREE__A__B": text, "ANYTHING": text}, PluginSchema())
    assert loaded == {"free": {"a": {"b": value}}, "anything": value}
