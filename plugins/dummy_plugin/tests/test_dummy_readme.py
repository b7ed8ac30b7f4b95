"""The README: it names every key and hint, and its examples are valid."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from orchestrator_dummy.driver import DummySettings
from orchestrator_dummy.faults import ERRORS, OPERATIONS, Fault, Faults, FaultsSchema
from orchestrator_dummy.outcomes import UNHARMED
from orchestrator_dummy.request_faults import HintsSchema, hinted

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
_, REST = README.split("## Test a client with injected faults")
SETTINGS, REQUESTS = REST.split("## Set faults for one request")


def rows(text: str) -> set[str]:
    return set(re.findall(r"^\| `([a-z_]+)` \|", text, flags=re.MULTILINE))


def test_it_names_every_key_and_every_word() -> None:
    assert rows(SETTINGS) == {"store", "start_fields", *FaultsSchema().fields}
    for word in (*ERRORS, *OPERATIONS):
        assert re.search(rf'`"?{word}"?`', SETTINGS), word


def test_it_names_the_defaults() -> None:
    sentence = SETTINGS.split("Without this section", 1)[1].split(".\n", 1)[0]
    named = re.findall(r"`([a-z_]+ = [^`]+)`", sentence)
    shown = FaultsSchema().load(tomllib.loads("\n".join(named)))
    assert len(named) == 4
    assert shown == Faults()


def test_it_names_every_hint_and_every_fault() -> None:
    assert rows(REQUESTS) == set(HintsSchema().fields)
    for fault in (*Fault, "none"):
        assert f"`{fault}`" in REQUESTS


def test_its_settings_are_valid() -> None:
    picky, example = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)[1:]
    rules = tomllib.loads(picky)["clouds"]["picky"]["start_fields"]
    assert DummySettings().load({"start_fields": rules})["start_fields"]["spot"] == rules["spot"]
    written = tomllib.loads(example)["clouds"]["stormy"]["faults"]
    assert FaultsSchema().load(written).seed == 1


@pytest.mark.parametrize("header", re.findall(r"'X-Cloud-Hints: (.*?)'", REQUESTS))
def test_its_hints_do_something(header: str) -> None:
    hints = {}
    for pair in header.split(";"):
        name, _, value = pair.strip().partition("=")
        hints[name] = value
    assert any(hinted(UNHARMED, operation, hints) != UNHARMED for operation in OPERATIONS)
