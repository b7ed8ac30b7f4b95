"""The pages' claims: they match the behaviour."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from orchestrator_core.settings.load import load_settings
from tests.conftest import Serve

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "explanation" / "exactly-once.md").read_text(encoding="utf-8")


def block(text: str, language: str, containing: str = "") -> str:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)
    (one,) = (block for block in found if containing in block)
    return one


def test_the_settings_of_exactly_once_are_valid(tmp_path: Path) -> None:
    config = tmp_path / "orchestrator.toml"
    config.write_text(block(PAGE, "toml"))
    settings = load_settings(config, {})
    assert settings.state is not None
    assert not settings.assignments  # the next test assigns without one


def test_the_leases_of_exactly_once_are_given_and_renewed(serve: Serve) -> None:
    server = serve(block(PAGE, "toml"))
    script = block(PAGE, "sh", containing="renew").replace("http://127.0.0.1:5050", server.url)
    done = subprocess.run(
        ["bash", "-c", script.replace("curl ", "curl -s -w '\\n' ")],
        capture_output=True,
        text=True,
        check=False,
    )
    assigned, renewed = (json.loads(line) for line in done.stdout.splitlines())
    assert (assigned["result"], renewed["result"]) == ("Node 1 assigned", "Node 1 renewed")
    assert assigned["lease_expires_at"] < renewed["lease_expires_at"]


def codes() -> set[str]:
    """Return every error code, and every code that only an operation ends or waits with."""
    found = set()
    for file in (ROOT / "orchestrator_core").rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        found |= set(re.findall(r'^    code = "(\w+)"', source, flags=re.MULTILINE))
        found |= set(re.findall(r'error_code="(\w+)"', source))
        found |= set(re.findall(r'paused\(\s*operation, "(\w+)"', source))
        if file.name in ("absence.py", "sightings.py"):  # codes that several modules use
            found |= set(re.findall(r'^[A-Z]\w+: Final = "(\w+)"', source, flags=re.MULTILINE))
    return found


def test_every_error_code_is_on_the_page_of_errors() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    found = codes()
    assert {"cloud_timeout", "still_there", "release_unknown"} <= found
    # Commands report it; HTTP does not.
    assert {code for code in found if f"`{code}`" not in page} == {"settings"}
