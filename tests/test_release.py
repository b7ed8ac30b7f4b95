"""A release: one version in all places, and a changelog out of the fragments."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import commands

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "requirements" / "release.py"


def release_script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of what a release changes, in a repository of its own, without fragments."""
    for file in (
        *ROOT.glob("pyproject.toml"),
        *ROOT.glob("plugins/*/pyproject.toml"),
        *ROOT.glob("examples/*/pyproject.toml"),
        ROOT / "changelog.d" / "template.md.jinja",
        SCRIPT,
    ):
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    start = release_script()["_START"]
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{start}")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "x")
    git(tmp_path, "config", "user.email", "x@example.org")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "x")


def add(folder: Path, name: str, text: str) -> None:
    (folder / "changelog.d" / name).write_text(f"{text}\n")


def release(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "requirements" / "release.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_packages_changelog_command_and_descriptions_have_one_version() -> None:
    script = release_script()
    declared = script["declared"](ROOT)
    assert len(declared) == 6
    (version,) = set(declared.values())
    assert script["top_version"](ROOT) == version, "run: make release VERSION=..."
    assert commands.run("--version").stdout == f"orchestrator, version {version}\n"
    for number in (1, 2):
        page = ROOT / "docs" / "reference" / f"openapi-v{number}.json"
        assert json.loads(page.read_text())["info"]["version"] == version, "run: make pages"


def test_a_release_sets_versions_ranges_and_the_changelog(checkout: Path) -> None:
    add(checkout, "1.api-nodes.feature.md", "Nodes have names.")
    add(checkout, "2.database-url.fix.md", "A URL may have a port.")
    commit(checkout)
    done = release(checkout, "0.7.0")
    assert done.returncode == 0, done.stderr
    assert set(release_script()["declared"](checkout).values()) == {"0.7.0"}
    plugin = (checkout / "plugins" / "dummy_plugin" / "pyproject.toml").read_text()
    assert '"vm-orchestrator>=0.7,<0.8"' in plugin
    text = (checkout / "CHANGELOG.md").read_text()
    expected = (
        r"## 0\.7\.0 \(\S+\)\n+### New\n+#### HTTP API\n+- Nodes have names\. \(#1\)\n+"
        r"### Fixed\n+#### Database\n+- A URL may have a port\. \(#2\)\n"
    )
    assert re.search(expected, text), text
    assert [file.name for file in (checkout / "changelog.d").iterdir()] == ["template.md.jinja"]


def test_later_fragments_join_a_version_without_a_tag(checkout: Path) -> None:
    add(checkout, "1.api-nodes.feature.md", "Nodes have\nnames.")
    commit(checkout)
    assert release(checkout, "0.7.0").returncode == 0
    add(checkout, "3.api-sizes.feature.md", "Sizes have names.")
    add(checkout, "3.cloud-cache.feature.md", "Clouds have caches.")
    commit(checkout)
    assert release(checkout, "0.7.0").returncode == 0
    text = (checkout / "CHANGELOG.md").read_text()
    assert text.count("## 0.7.0") == 1
    assert text.count("### New") == 1
    assert (
        "#### HTTP API\n\n- Nodes have\n  names. (#1)\n- Sizes have names. (#3)\n\n"
        "#### Clouds\n\n- Clouds have caches. (#3)\n"
    ) in text


def test_a_new_version_stands_above_the_old_one(checkout: Path) -> None:
    for version in ("0.7.0", "0.7.1"):
        add(checkout, "1.api-nodes.fix.md", f"Mended in {version}.")
        commit(checkout)
        assert release(checkout, version).returncode == 0
        commit(checkout)
    text = (checkout / "CHANGELOG.md").read_text()
    assert re.findall(r"^## (\S+)", text, re.MULTILINE) == ["0.7.1", "0.7.0"]


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("1.0", "is not a version of the form 1.2.3"),
        ("0.6.9", "is older than 0.7.0"),
        ("0.7.0", "has its tag already"),
    ],
)
def test_a_version_that_cannot_follow_is_refused(checkout: Path, version: str, why: str) -> None:
    add(checkout, "1.api-nodes.feature.md", "Nodes have names.")
    commit(checkout)
    assert release(checkout, "0.7.0").returncode == 0
    commit(checkout)
    assert release(checkout, "--tag").returncode == 0
    assert git(checkout, "tag") == "v0.7.0\n"
    add(checkout, "2.api-more.feature.md", "Nodes have more.")
    commit(checkout)
    done = release(checkout, version)
    assert done.returncode == 1
    assert why in done.stderr
    assert git(checkout, "status", "--porcelain") == ""


def test_only_a_release_gets_a_tag(checkout: Path) -> None:
    add(checkout, "1.api-nodes.feature.md", "Nodes have names.")
    assert "the working tree has changes" in release(checkout, "--tag").stderr
    commit(checkout)
    assert "changelog.d/ has fragments" in release(checkout, "--tag").stderr
    git(checkout, "rm", "--quiet", "changelog.d/1.api-nodes.feature.md")
    commit(checkout)
    assert "CHANGELOG.md has no section for" in release(checkout, "--tag").stderr
    assert git(checkout, "tag") == ""
