"""Settings files in other encodings than plain UTF-8, as editors on other systems write them."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.secrets import Secret


def test_a_byte_order_mark_in_the_settings_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "orchestrator.toml"
    file.write_text("[server]\r\nworkers = 3\r\n", encoding="utf-8-sig")
    assert load_settings(file, {}).server.workers == 3


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_settings_in_another_encoding_are_told(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "orchestrator.toml"
    file.write_text("[server]\nworkers = 3\n", encoding=encoding)
    name = encoding[:6].upper()
    with pytest.raises(SettingsError, match=f"is not UTF-8 but {name}; save it as UTF-8"):
        load_settings(file, {})


def test_a_byte_order_mark_in_a_secret_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_bytes(codecs.BOM_UTF8 + b"pa ss\r\n")
    assert Secret(f"file:{tmp_path}/secret").reveal() == "pa ss"
    monkeypatch.setenv("A_SECRET", "\ufeffpa ss")
    assert Secret("env:A_SECRET").reveal() == "pa ss"


def test_a_secret_that_is_a_mark_only_is_empty(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(codecs.BOM_UTF8 + b"\n")
    with pytest.raises(ValueError, match="is empty"):
        Secret(f"file:{tmp_path}/secret").reveal()


@pytest.mark.parametrize("raw", ["x".encode("utf-16"), b"x\xff"])
def test_a_secret_in_another_encoding_is_told(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "secret").write_bytes(raw)
    with pytest.raises(ValueError, match=r"cannot be read: not UTF-8.*; save it as UTF-8"):
        Secret(f"file:{tmp_path}/secret").reveal()
