"""Every key can be given by the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.load import load_settings


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
        ("SERVER__WORKERS", "0", "variable ORCHESTRATOR__SERVER__WORKERS: must be greater"),
        ("PLUGINS__DENY", '["a", 1]', "variable ORCHESTRATOR__PLUGINS__DENY: 1: not a valid"),
        ("SERVER__BIND", '"127.0.0.1:1"\nworkers = 9', 'must be "HOST:PORT" or "unix:PATH"'),
        ("SERVER__BIND", "[" * 3000, 'must be "HOST:PORT" or "unix:PATH"'),
    ],
)
def test_what_is_wrong_is_told_by_the_variable(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {f"ORCHESTRATOR__{name}": value})
    assert message in caught.value.message
