"""The defaults of a cloud: its assignment backend, and the VMs that it may destroy."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from orchestrator_core.backends.given import GivenBackend
from orchestrator_core.clouds.defaults import with_defaults
from orchestrator_core.errors import SettingsError
from orchestrator_core.plugins.loader import Plugins
from orchestrator_core.plugins.record import Kind, PluginRecord, State
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import Settings
from orchestrator_dummy import FaultInjectionDriver

STATE = '[state]\nurl = "sqlite:///state.db"\n'
NAMELESS = '[clouds.sky]\ndriver = "dummy"\n'
OTHER = '[clouds.sea]\ndriver = "x"\nassignment = "brain"\n[assignments.brain]\nbackend = "y"\n'


def plugins(state: State = State.LOADED) -> Plugins:
    def record(kind: Kind, name: str, state: State, factory: type) -> PluginRecord:
        point = EntryPoint(name, "x:y", kind.group)
        return PluginRecord(kind, name, "d", "1", point, state=state, factory=factory)

    return Plugins(
        [
            record(Kind.ASSIGNMENT, "given", state, GivenBackend),
            record(Kind.CLOUD, "dummy", State.LOADED, FaultInjectionDriver),
        ]
    )


def settings(tmp_path: Path, toml: str, given: State = State.LOADED) -> Settings:
    config = tmp_path / "orchestrator.toml"
    config.write_text(toml)
    return with_defaults(load_settings(config, {}), plugins(given))


def test_with_state_a_cloud_that_names_no_backend_uses_given(tmp_path: Path) -> None:
    found = settings(tmp_path, STATE + NAMELESS + OTHER)
    assert found.clouds["sky"].assignment == "given"
    assert found.clouds["sea"].assignment == "brain"
    assert {name: one.backend for name, one in found.assignments.items()} == {
        "brain": "y",
        "given": "given",
    }


def test_without_state_nothing_changes(tmp_path: Path) -> None:
    found = settings(tmp_path, NAMELESS + OTHER)
    assert found.clouds["sky"].assignment is None
    assert list(found.assignments) == ["brain"]


def test_given_is_not_made_for_clouds_that_all_name_another(tmp_path: Path) -> None:
    assert list(settings(tmp_path, STATE + OTHER).assignments) == ["brain"]


def test_a_section_of_the_file_wins(tmp_path: Path) -> None:
    section = '[assignments.given]\nbackend = "given"\nthreads = 3\n'
    found = settings(tmp_path, STATE + NAMELESS + section)
    assert found.clouds["sky"].assignment == "given"
    assert found.assignments["given"].threads == 3


def test_a_section_of_that_name_with_another_backend_is_no_default(tmp_path: Path) -> None:
    found = settings(tmp_path, STATE + NAMELESS + '[assignments.given]\nbackend = "y"\n')
    assert found.clouds["sky"].assignment is None


def test_a_cloud_may_name_given_without_a_section(tmp_path: Path) -> None:
    cloud = f'{NAMELESS}assignment = "given"\n'
    assert settings(tmp_path, STATE + cloud).assignments["given"].backend == "given"
    with pytest.raises(SettingsError, match=r"there is no \[assignments.given\]"):
        settings(tmp_path, cloud)


def test_a_plugin_that_the_settings_exclude_is_no_default(tmp_path: Path) -> None:
    found = settings(tmp_path, STATE + NAMELESS, State.DISABLED)
    assert found.clouds["sky"].assignment is None
    assert not found.assignments


def test_only_a_simulated_cloud_may_be_destroyed_whole(tmp_path: Path) -> None:
    found = settings(
        tmp_path, f'{NAMELESS}[clouds.safe]\ndriver = "dummy"\ndestroy = "own"\n{OTHER}'
    )
    assert {name: cloud.destroy for name, cloud in found.clouds.items()} == {
        "sky": "all",
        "safe": "own",
        "sea": "own",
    }
