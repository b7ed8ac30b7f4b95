"""The shipped settings file: every existing key, with its real default."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
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
from orchestrator_core.settings.deadlines import ASSIGNMENT_DEADLINES, CLOUD_DEADLINES
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.schema import SettingsSchema
from orchestrator_core.settings.server_schema import (
    AuthSchema,
    PluginsSchema,
    ServerSchema,
    StateSchema,
    TlsSchema,
)
from orchestrator_dummy.faults import Faults, FaultsSchema
from orchestrator_dummy.injection import FaultInjectionSettings

FILE = Path(__file__).parents[2] / "conf" / "orchestrator.toml"
SETTING = re.compile(r"^# (\[[a-z_.]+\]|[a-z_]+ = .+)")


def uncommented() -> dict[str, Any]:
    """Return the file with all commented settings in force."""
    lines = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        found = SETTING.match(line)
        lines.append(line[2:] if found else line)
    return tomllib.loads("\n".join(lines))


DATA = uncommented()


def sections() -> Iterator[tuple[Mapping[str, Any], type[Schema]]]:
    yield DATA, SettingsSchema
    yield DATA["server"], ServerSchema
    yield DATA["server"]["tls"], TlsSchema
    yield DATA["auth"], AuthSchema
    yield DATA["plugins"], PluginsSchema
    yield DATA["state"], StateSchema
    yield DATA["clouds"]["fake_driver"]["orphans"], OrphanSchema
    yield DATA["clouds"]["fake_driver"], CloudSchema
    yield DATA["clouds"]["fake_driver"]["breaker"], BreakerSchema
    yield DATA["clouds"]["fake_driver"]["cache"], CacheSchema
    yield DATA["clouds"]["fake_driver"], FaultInjectionSettings
    yield DATA["clouds"]["fake_driver"]["faults"], FaultsSchema
    yield DATA["assignments"]["brain"], AssignmentSchema
    yield DATA["assignments"]["brain"]["breaker"], BreakerSchema
    yield DATA["extensions"]["policy"], ExtensionSchema


@pytest.mark.parametrize(("written", "schema"), list(sections()), ids=lambda v: str(v)[:20])
def test_every_key_is_there(written: Mapping[str, Any], schema: type[Schema]) -> None:
    assert set(schema().fields) <= set(written)


def test_every_deadline_is_there_with_its_default() -> None:
    assert DATA["clouds"]["fake_driver"]["deadlines"] == CLOUD_DEADLINES
    assert DATA["assignments"]["brain"]["deadlines"] == ASSIGNMENT_DEADLINES


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (DATA["server"], model.ServerSettings),
        (DATA["state"], model.StateSettings),
        (DATA["clouds"]["fake_driver"], model.CloudSettings),
        (DATA["clouds"]["fake_driver"]["orphans"], model.OrphanSettings),
        (DATA["clouds"]["fake_driver"]["breaker"], model.BreakerSettings),
        (DATA["clouds"]["fake_driver"]["cache"], model.CacheSettings),
        (DATA["assignments"]["brain"], model.AssignmentSettings),
        (DATA["assignments"]["brain"]["breaker"], model.BreakerSettings),
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


def test_the_dummy_cloud_s_faults_are_off_as_shown() -> None:
    shown = FaultsSchema().load(DATA["clouds"]["fake_driver"]["faults"])
    assert set(shown.rates.values()) == {0}
    for name in ("latency", "deaf", "error", "visible_after"):
        assert getattr(shown, name) == getattr(Faults(), name), name


def test_everything_that_it_shows_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_OPS_TOKEN", "3f9c1d2e4b5a69788796a5b4c3d2e1f0")
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
