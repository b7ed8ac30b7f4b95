"""The shipped settings file: the keys that operators change, with their real defaults."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING
from dataclasses import fields as attributes
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema, fields

from orchestrator_cistern.settings import CisternSettings
from orchestrator_core.settings import model
from orchestrator_core.settings.cloud_schema import (
    AssignmentSchema,
    BreakerSchema,
    CacheSchema,
    CloudSchema,
    ExtensionSchema,
    OrphanSchema,
)
from orchestrator_core.settings.deadlines import CLOUD_DEADLINES
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.schema import SettingsSchema
from orchestrator_core.settings.server_schema import (
    AuthSchema,
    MetricsSchema,
    PluginsSchema,
    ServerSchema,
    StateSchema,
    TlsSchema,
)
from orchestrator_core.settings.traces_schema import TracesSchema
from orchestrator_dummy.faults import FaultsSchema

FILE = Path(__file__).parents[2] / "conf" / "orchestrator.toml"
REFERENCE = (FILE.parents[1] / "docs" / "reference" / "settings.md").read_text("utf-8")
DUMMY_README = (FILE.parents[1] / "plugins" / "dummy_plugin" / "README.md").read_text("utf-8")
SETTING = re.compile(r"^# (\[[a-z_.]+\]|[a-z_]+ = .+)")


def uncommented() -> dict[str, Any]:
    """Return the file with all commented settings in force."""
    lines = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        found = SETTING.match(line)
        lines.append(line[2:] if found else line)
    return tomllib.loads("\n".join(lines))


DATA = uncommented()


def documented(title: str) -> set[str]:
    """Return the keys that a section of the settings reference describes."""
    text = REFERENCE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([a-z_]+)` \|", text, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("title", "schema"),
    [
        ("General keys", SettingsSchema),
        ("`[server]`", ServerSchema),
        ("`[server.tls]`", TlsSchema),
        ("`[auth]`", AuthSchema),
        ("`[metrics]`", MetricsSchema),
        ("`[traces]`", TracesSchema),
        ("`[plugins]`", PluginsSchema),
        ("`[state]`", StateSchema),
        ("`[clouds.NAME]`", CloudSchema),
        ("`[clouds.NAME.breaker]`", BreakerSchema),
        ("`[clouds.NAME.cache]`", CacheSchema),
        ("`[clouds.NAME.orphans]`", OrphanSchema),
        ("`[assignments.NAME]`", AssignmentSchema),
        ("`[extensions.NAME]`", ExtensionSchema),
    ],
    ids=lambda value: str(value).strip("`[]"),
)
def test_every_key_is_documented(title: str, schema: type[Schema]) -> None:
    """A key that holds a section has its own heading in the reference."""
    fields = set(schema().fields)
    sections = {key for key in fields if f"{key}]`" in REFERENCE or f"`[{key}" in REFERENCE}
    assert fields <= documented(title) | sections


def test_the_file_names_the_page_that_has_every_key() -> None:
    assert "docs/reference/settings.md" in FILE.read_text(encoding="utf-8")


def test_every_deadline_that_is_shown_has_its_default() -> None:
    shown = DATA["clouds"]["fake_driver"]["deadlines"]
    assert shown.items() <= dict(CLOUD_DEADLINES).items()


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (DATA["server"], model.ServerSettings),
        (DATA["metrics"], model.MetricsSettings),
        (DATA["traces"], model.TracesSettings),
        (DATA["state"], model.StateSettings),
        (DATA["clouds"]["fake_driver"], model.CloudSettings),
        (DATA["clouds"]["fake_driver"]["cache"], model.CacheSettings),
        (DATA["assignments"]["brain"], model.AssignmentSettings),
        (DATA["extensions"]["policy"], model.ExtensionSettings),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_commented_out_shows_the_default(written: Mapping[str, Any], kind: Any) -> None:
    for attribute in attributes(kind):
        default = attribute.default
        if attribute.name in written and default is not MISSING and default is not None:
            shown = written[attribute.name]
            assert (tuple(shown) if isinstance(shown, list) else shown) == default, attribute.name


def test_the_dummy_cloud_s_faults_are_on_its_own_page() -> None:
    assert "README of vm-orchestrator-dummy" in FILE.read_text(encoding="utf-8")
    for key in FaultsSchema().fields:
        assert f"| `{key}` |" in DUMMY_README, key
        assert f"{key} =" not in FILE.read_text(encoding="utf-8"), key


def test_everything_that_it_shows_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_OPS_TOKEN", "3f9c1d2e4b5a69788796a5b4c3d2e1f0")
    monkeypatch.setenv("ORCHESTRATOR_METRICS_TOKEN", "9d1f0a7be2c34856a1b0c2d3e4f50617")
    config = tmp_path / "orchestrator.toml"
    text = "\n".join(
        line[2:] if SETTING.match(line) else line
        for line in FILE.read_text(encoding="utf-8").splitlines()
    )
    config.write_text(
        text.replace('# mode = "none"', 'mode = "none"').replace(
            'mode = "none" ', 'mode = "token" '
        )
    )
    settings = load_settings(config, {})
    assert set(settings.clouds) == {"fake_driver", "aws"}
    known = {
        name for name, field in CisternSettings().fields.items() if isinstance(field, fields.Field)
    }
    assert set(settings.assignments["brain"].plugin) <= known


def test_as_it_is_it_serves_the_dummy_cloud() -> None:
    settings = load_settings(FILE, {})
    assert settings.default_cloud == "fake_driver"
    assert settings.clouds["fake_driver"].driver == "dummy"
