"""Redaction of the settings' secrets in messages that stay readable."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from orchestrator_core.redaction import registry
from orchestrator_core.redaction.registry import Registry, redact
from orchestrator_core.settings.secrets import Secret

Read = Callable[[str], None]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """Make this process read a secret, as its settings would; forget it with the test."""
    monkeypatch.setattr(registry, "_registry", Registry())

    def once(value: str) -> None:
        monkeypatch.setenv("TEST_SECRET", value)
        assert Secret("env:TEST_SECRET").reveal() == value

    return once


@pytest.mark.parametrize(
    "secret",
    ["hunter2hunter2", "fourfour", 'quote"d-text', "back\\slashes", "schlüsselbund", "a b/c:d@e"],
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


def test_of_secrets_that_overlap_nothing_is_left(read: Read) -> None:
    read("abcdefgh12")
    read("fgh12345678")
    assert redact("x abcdefgh12345678 y") == "x *** y"


@pytest.mark.parametrize("secret", ["q", "qx", "qxz", "node", "7654321"])
def test_a_short_one_is_struck_out_as_a_value_and_leaves_messages(read: Read, secret: str) -> None:
    read(secret)
    shown = f"password={secret} ('{secret}') \"{secret}\" http://me:{secret}@host"
    assert redact(shown) == "password=*** ('***') \"***\" http://me:***@host"
    for text in (
        f"a{secret}b {secret}1 _{secret}",
        f"The {secret} is busy, {secret}-1 too, isn'{secret} it",
    ):
        assert redact(text) == text


def test_a_short_one_that_is_no_word_is_struck_out_as_a_word_too(read: Read) -> None:
    read("hunter2")
    assert redact("wrong password hunter2 of me") == "wrong password *** of me"
    assert redact("hunter21 xhunter2 hunter2-1") == "hunter21 xhunter2 hunter2-1"


def test_the_last_values_of_a_rotated_secret_are_remembered(read: Read) -> None:
    for number in range(3):
        read(f"password-number-{number}")
    assert redact("password-number-0 and password-number-2") == "*** and ***"
