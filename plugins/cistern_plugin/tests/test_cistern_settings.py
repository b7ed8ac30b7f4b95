"""The plugin's settings: valid and invalid ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import certifi
import pytest
from marshmallow import ValidationError

from orchestrator_cistern.settings import CisternSettings

URL = "http://cistern.example:5071/api/v1"


def test_only_the_address_must_be_there() -> None:
    assert CisternSettings().load({"url": URL}) == {
        "url": URL,
        "token": None,
        "timeout": 30.0,
        "connections": 8,
        "ca_file": None,
        "with_faulty_nodes": False,
    }


@pytest.mark.parametrize("url", [URL, "https://cistern.example", "http://[::1]:5071/api/v1/"])
def test_addresses_that_are_taken(url: str) -> None:
    assert CisternSettings().load({"url": url})["url"] == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cistern.example",
        "ftp://cistern.example/",
        "http:///api/v1",
        "http://",
        "http://cistern.example:port/",
        "http://cistern.example:0/",
        "http://cistern.example:70000/",
        "http://user:hunter2@cistern.example/",
        "http://user@cistern.example/",
        "http://cistern.example/api?token=hunter2",
        "http://cistern.example/api#part",
        "http://cistern.example/\napi",
        "http://[::1/",
        5071,
        None,
    ],
)
def test_addresses_that_are_not(url: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        CisternSettings().load({"url": url})
    assert list(caught.value.messages) == ["url"]
    assert "hunter2" not in str(caught.value.messages)


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": "nan"},
        {"timeout": "soon"},
        {"connections": 0},
        {"connections": 1.5},
        {"connections": 1000},
        {"token": "the token itself"},
        {"token": "env:CISTERN_TOKEN_THAT_IS_NOT_SET"},
        {"ca_file": "relative.pem"},
        {"ca_file": "/there/is/no/such/file.pem"},
        {"with_faulty_nodes": "perhaps"},
        {"time_out": 5},
    ],
)
def test_wrong_values_are_named_by_their_key(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        CisternSettings().load({"url": URL, **wrong})
    assert list(caught.value.messages) == list(wrong)


def test_the_address_is_required() -> None:
    with pytest.raises(ValidationError, match="url"):
        CisternSettings().load({})


def test_a_file_of_certificates(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")

    assert CisternSettings().load({"url": URL, "ca_file": certifi.where()})
    with pytest.raises(ValidationError, match="has no certificates"):
        CisternSettings().load({"url": URL, "ca_file": str(tmp_path / "empty.pem")})
