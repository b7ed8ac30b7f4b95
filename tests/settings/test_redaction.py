"""Secrets in log lines: struck out whole, in every form, and without making a log unreadable."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from orchestrator_core.settings import secrets
from orchestrator_core.settings.secrets import Secret, redact

Read = Callable[[str], None]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """Have this process read a secret, as its settings would; it is forgotten with the test."""
    monkeypatch.setattr(secrets, "_known", secrets._Known())

    def once(value: str) -> None:
        monkeypatch.setenv("TEST_SECRET", value)
        assert Secret("env:TEST_SECRET").reveal() == value

    return once


@pytest.mark.parametrize(
    "secret", ["hunter2", "four", 'quote"d', "back\\slash", "schlüssel", "a b/c:d@e", "two\nlines"]
)
def test_a_secret_is_struck_out_in_every_form(read: Read, secret: str) -> None:
    read(secret)
    assert redact(f"x{secret}y") == "x***y"
    assert redact(json.dumps({"k": secret})) == '{"k": "***"}'
    assert redact(json.dumps({"k": secret}, ensure_ascii=False)) == '{"k": "***"}'
    assert redact(repr(secret)[1:-1]) == "***"
    assert redact(f"https://me:{quote(secret, safe='')}@host") == "https://me:***@host"


def test_of_a_secret_that_contains_another_nothing_is_left(read: Read) -> None:
    for secret in ("token-of-ops", "token-of-ops-and-more", "and-more"):
        read(secret)
    assert redact("token-of-ops-and-more token-of-ops") == "*** ***"


@pytest.mark.parametrize("secret", ["q", "qx", "qxz"])
def test_a_short_one_is_struck_out_where_it_is_a_word_and_leaves_other_words(
    read: Read, secret: str
) -> None:
    read(secret)
    assert redact(f"password={secret} ('{secret}')") == "password=*** ('***')"
    word = f"a{secret}b {secret}1 _{secret}"
    assert redact(word) == word
