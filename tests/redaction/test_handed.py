"""Secrets in a process that inherits the settings and has read none of the secrets itself."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from orchestrator_core.redaction import registry
from orchestrator_core.redaction.registry import Registry, redact
from orchestrator_core.settings.exposure import keep_handed
from orchestrator_core.settings.load import load_settings
from tests.conftest import OPS_TOKEN

TOML = """
default_cloud = "fake"
[auth]
mode = "token"
tokens = { ops = "env:OPS" }
[state]
url = "postgresql+psycopg://me:passw0rd-of-state@127.0.0.1/x"
[clouds.fake]
driver = "dummy"
token = "file:token"
"""


def test_it_knows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS", OPS_TOKEN)
    (tmp_path / "token").write_text("token-in-a-file-1\n")
    (tmp_path / "orchestrator.toml").write_text(TOML)
    handed = pickle.dumps(load_settings(tmp_path / "orchestrator.toml"))
    monkeypatch.setattr(registry, "_registry", Registry())
    keep_handed(pickle.loads(handed))  # noqa: S301 - made above
    for secret in (OPS_TOKEN, "passw0rd-of-state", "token-in-a-file-1"):
        assert redact(f"it said {secret}") == "it said ***"
