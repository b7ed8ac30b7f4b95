"""Weak tokens, which are refused, and possible secrets, which are never printed."""

from __future__ import annotations

import secrets
import string
from pathlib import Path

import pytest

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.load import load_settings

STRONG = "3f9c1d2e4b5a69788796a5b4c3d2e1f0"


def load(tmp_path: Path, tokens: str, more: str = "", **environment: str) -> None:
    config = tmp_path / "orchestrator.toml"
    config.write_text(f'[auth]\nmode = "token"\n{more}\n[auth.tokens]\n{tokens}\n')
    load_settings(config, environment)


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "   ",
        "secret",
        "a" * 64,
        "ab" * 40,
        "0123456789" * 3,
        "correct horse battery staple long enough",
        "3f9c1d2e4b5a6978",
        "pässword-which-is-not-of-ascii-characters",
    ],
)
def test_a_weak_token_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("OPS_TOKEN", token)
    with pytest.raises(SettingsError, match=r"\[auth\.tokens\] ops: the token ") as caught:
        load(tmp_path, 'ops = "env:OPS_TOKEN"')
    assert "allow_weak_tokens" in caught.value.message
    if len(token) > 8:
        assert token not in caught.value.message
    load(tmp_path, 'ops = "env:OPS_TOKEN"', "allow_weak_tokens = true")


@pytest.mark.parametrize(
    "token",
    [
        STRONG,
        STRONG.upper(),
        secrets.token_urlsafe(32),
        "".join(secrets.choice(string.ascii_lowercase) for _ in range(40)),
        "".join(secrets.choice(string.digits) for _ in range(40)),
        "Zm9vYmFyYmF6cXV4K/==Zm9vYmFyYmF6",
        "Tr0ub4dor&3#more~than{that}",
    ],
    ids=["hex", "upper case hex", "url-safe", "letters", "digits", "base64", "signs"],
)
def test_a_generated_token_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("OPS_TOKEN", token)
    load(tmp_path, 'ops = "env:OPS_TOKEN"')


def test_one_token_for_two_callers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(STRONG)
    (tmp_path / "two").write_text(f"{STRONG}\n")
    with pytest.raises(SettingsError, match="lab: has the same token as ops"):
        load(tmp_path, 'ops = "file:one"\nlab = "file:two"')


def test_a_secret_typed_in_place_of_a_name_is_not_printed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, f'ops = "env:{STRONG}"')
    assert STRONG not in caught.value.message
    assert "environment variable" in caught.value.message
