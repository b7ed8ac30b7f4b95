"""Redaction of secrets in every encoding and in two layers of them, at any position."""

from __future__ import annotations

import itertools
import json
import secrets
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core.redaction import registry
from orchestrator_core.redaction.escapes import STRAYS
from orchestrator_core.redaction.registry import Registry, redact, redact_line, register_secret
from tests.encodings import ENCODINGS

KEY = """-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj
MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu
NMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa0VzMaQ8s+CLOyS56YyCFGeJZ
-----END PRIVATE KEY-----
"""

_SECRETS = st.one_of(
    st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=8),
    st.text(st.characters(exclude_categories=["C"]), min_size=8, max_size=40).filter(
        lambda s: len(s.strip()) >= 8 and len(set(s)) > 4
    ),
    st.sampled_from(
        [
            "Pa55w0rd+of/the=settings&more",
            "a%41b%zz\\u0041&amp;x",
            "quote\"and\\back'slash",
            "ключ-密码-ü",
            "0000123'",
            "0000123:",
            "000012'¡",
            "25ab&<c3é-of-it",
            "u0041/&x41;lt;\U0001f511\U0001f511",
            '\U0001f511x\U0001f5114é"1&\U0001f511',
        ]
    ),
).map(lambda text: text.encode("utf-8", "replace").decode())


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registry", Registry())


@settings(deadline=None)  # Other programs may use the machine.
@given(
    secret=_SECRETS,
    outer=st.sampled_from(sorted(ENCODINGS)),
    inner=st.sampled_from(sorted(ENCODINGS)),
    before=st.sampled_from(
        ["", "Refused: ", "x", "xy", 'token="', "=", "é", *STRAYS, "%%", "\\\\", "%25", "\\%", "&%"]
    ),
    after=st.sampled_from(["", " now", "x", '"}', "&more=1", "…", "="]),
)
def test_it_is_found_in_two_layers(
    secret: str, outer: str, inner: str, before: str, after: str
) -> None:
    registry._registry = Registry()
    register_secret(secret)
    hidden = ENCODINGS[outer](ENCODINGS[inner](secret))
    shown = redact(before + hidden + after)
    assert hidden not in shown
    assert "***" in shown
    assert "***" in redact_line(before + hidden + after)


@pytest.mark.parametrize(
    "layers",
    [
        ("base64",) * 3,
        ("quote-upper",) * 4,
        ("json",) * 4,
        ("base64", "json", "quote-lower"),
        ("hex", "base64", "html-hex"),
    ],
    ids="-".join,
)
def test_it_is_found_in_more_layers(layers: tuple[str, ...]) -> None:
    text = 'tok/en+of="a session"'
    register_secret(text)
    for layer in layers:
        text = ENCODINGS[layer](text)
    assert text not in redact(f"Refused: {text} now")


def test_nothing_else_is_taken_out() -> None:
    register_secret("Pa55w0rd+of/the=settings&more")
    for text in (
        'He said "no": 50% of C:\\temp & more &amp; less, \\u0041 %41',
        "aGVsbG8gd29ybGQhIGhlbGxv 68656c6c6f2121686868 68:65:6c:6c:6f:21:21:21:22",
        "2026-11-29T16:05:34Z 5f3c1d1e-0000-4000-8000-000000000001 …",
        "\ud800 half a surrogate",
    ):
        assert redact(text) == text
    assert redact('"Pa55w0rd%2bof/the=settings\\u0026more";') == '"***";'


@pytest.mark.parametrize("name", ["raw", "quote", "quote-lower", "json-units", "html-hex", "base64",
                                  "hex"])  # fmt: skip
@pytest.mark.parametrize("end", ["", "…", "... (cut)"], ids=["end", "sign", "dots"])
def test_the_beginning_of_one_that_was_cut_off_is_found(name: str, end: str) -> None:
    secret = "k9/Xz+2q7w=mL4vB8nR1tY6uI3oP0aSd"
    register_secret(secret)
    whole = ENCODINGS[name](secret)
    for length in range(len(whole) * 2 // 3, len(whole)):
        shown = redact(f"Refused: {whole[:length]}{end}")
        assert "***" in shown, length
        assert whole[:12] not in shown


def test_every_line_of_a_private_key_is_found() -> None:
    register_secret(KEY)
    register_secret(json.dumps({"client_email": "me@lab", "private_key": KEY.replace("M", "N")}))
    for key in (KEY, KEY.replace("M", "N")):
        for line in key.splitlines()[1:-1]:
            assert redact(f"bad key {line}!") == "bad key ***!"
        assert "vAp8G" not in redact(" ".join(key.split()))
        assert "vAp8G" not in redact(json.dumps(key))
    assert redact("me@lab") == "me@lab"


def test_the_password_of_a_url_is_found() -> None:
    register_secret("postgresql+psycopg://me:p%40ssword-1@db.lab/x")
    assert redact("p@ssword-1 and p%40ssword-1") == "*** and ***"
    assert redact("postgresql+psycopg://me@db.lab/y") == "postgresql+psycopg://me@db.lab/y"


def test_about_a_thousand_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    whole_blocks = registry._BLOCKS - 1  # the newest block is not full yet
    assert 890 <= registry._BLOCK * whole_blocks <= 1_024
    monkeypatch.setattr(registry, "_BLOCK", 8)  # the time grows with the square of it
    made = [secrets.token_urlsafe(24) for _ in range(100)]
    for secret in made:
        register_secret(secret)
    assert all(redact(secret) == "***" for secret in made[-8 * whole_blocks :])
    assert len(registry._registry._blocks) <= registry._BLOCKS


WORST = {
    "words": "Quota exceeded for instances in region ",
    "base64": secrets.token_urlsafe(4000),
    "hex": secrets.token_hex(4000),
    "percent": "%41",
    "percent-mixed": "%41b",
    "percent-deep": "%2525252541",
    "units": "\\u0041",
    "backslashes": "\\",
    "references": "&#x41;",
    "long-words": f"{'a' * 59} ",
    "dots": "...",
    "beginning": "k9Xz2q7w",
    "colons": "41:",
}


@pytest.fixture(scope="module")
def many() -> Registry:
    """Return a registry of a thousand secrets, whose automaton takes longer to make than a test."""
    made = Registry()
    for _ in range(1000):
        made.keep(secrets.token_urlsafe(32), secrets.token_hex(8))
    made.register("k9Xz2q7wmL4vB8nR1tY6uI3oP0aSd")
    made.redact("x", may_be_cut=True)
    return made


@pytest.mark.parametrize("text", WORST.values(), ids=WORST)
def test_the_time_grows_with_the_length_alone(
    text: str, many: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_registry", many)
    took = [min(_seconds(text, length) for _ in range(3)) for length in (16_384, 131_072)]
    assert took[0] < 0.1
    assert took[1] < 8 * 4 * max(took[0], 0.001)


def _seconds(text: str, length: int) -> float:
    long = "".join(itertools.islice(itertools.cycle(text), length))
    begun = time.process_time()
    redact(long)
    return time.process_time() - begun
