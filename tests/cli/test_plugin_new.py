"""`orchestrator plugin new`: its questions, refusals and files."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator_core.cli.main import main
from orchestrator_core.cli.plugin.scaffold import core_range

Run = Callable[..., Result]


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def command(*words: str, answers: str = "") -> Result:
        return CliRunner().invoke(main, ["plugin", "new", *words], input=answers)

    return command


def project(directory: Path) -> dict[str, object]:
    found: dict[str, object] = tomllib.loads((directory / "pyproject.toml").read_text())["project"]
    return found


def test_it_asks_for_what_it_cannot_know(new: Run, tmp_path: Path) -> None:
    done = new(answers="boat\nextension\nNo Name\ndummy\nmy_policy\n")
    assert done.exit_code == 0, done.stderr
    assert "single underscores" in done.stdout
    assert "is one of Orchestrator's own" in done.stdout
    written = tmp_path / "vm-orchestrator-my-policy"
    assert project(written)["entry-points"] == {
        "orchestrator.extensions.v1": {"my_policy": "orchestrator_my_policy:MyPolicyExtension"}
    }
    assert [path.name for path in tmp_path.iterdir()] == [written.name]


def test_everything_can_be_said_at_once(new: Run, tmp_path: Path) -> None:
    description = 'Says "yes" to C:\\ and $name'
    options = ["--description", description, "--author", "Ada Lovelace <ada@example.org>"]
    done = new("--kind", "assignment", "--name", "desk", *options, "the place")
    assert done.exit_code == 0, done.stderr
    assert "cd 'the place'" in done.stdout
    written = project(tmp_path / "the place")
    assert written["name"] == "vm-orchestrator-desk"
    assert written["description"] == description
    assert written["authors"] == [{"name": "Ada Lovelace", "email": "ada@example.org"}]
    assert description in (tmp_path / "the place" / "README.md").read_text()


@pytest.mark.parametrize("missing", ["kind", "name"])
def test_without_a_terminal_the_missing_option_is_named(
    new: Run, tmp_path: Path, missing: str
) -> None:
    given = {"kind": "cloud", "name": "desk"}
    del given[missing]
    ((option, value),) = given.items()
    done = new(f"--{option}", value)
    assert done.exit_code == 2
    assert f"--{missing} is required" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is not allowed"),
        ("Desk", "small letter"),
        ("9desk", "small letter"),
        ("my-desk", "my_cloud"),
        ("desk_", "single underscores"),
        ("my__desk", "single underscores"),
        ("desk\n", "is not allowed"),
        ("ελλάδα", "is not allowed"),
        ("../desk", "is not allowed"),
        ("d" * 65, "at most 64"),
        ("lambda", "a Python keyword"),
        ("core", "one of Orchestrator's own"),
        ("pool", "one of Orchestrator's own"),
    ],
)
def test_a_name_that_cannot_be(new: Run, tmp_path: Path, name: str, why: str) -> None:
    done = new("--kind", "cloud", "--name", name, "here")
    assert done.exit_code == 1
    assert done.stderr.startswith("orchestrator: name: ")
    assert why in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_an_installed_plugin(
    tmp_path: Path, new: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site" / "other-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[orchestrator.clouds.v1]\ndesk = other:Driver\n")
    (tmp_path / "site" / "orchestrator_chair.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "site")
    done = new("--kind", "extension", "--name", "desk")
    assert (done.exit_code, "cloud desk (other 1.0)" in done.stderr) == (1, True), done.stderr
    done = new("--kind", "extension", "--name", "chair")
    assert "a package orchestrator_chair is installed" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize(
    ("option", "text", "why"),
    [
        ("--author", "Ada <ada>", 'must be "NAME" or "NAME <MAIL>"'),
        ("--author", "Ada\nLovelace", "one line of printable characters"),
        ("--description", "one\ntwo", "one line of printable characters"),
    ],
)
def test_texts_that_cannot_be(new: Run, tmp_path: Path, option: str, text: str, why: str) -> None:
    done = new("--kind", "cloud", "--name", "desk", option, text)
    assert (done.exit_code, why in done.stderr) == (1, True), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(new: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("mine")
    for name, why in (
        ("mine", "mine exists already"),
        ("gone", "gone exists already"),
        ("file", "file exists already"),
        (".", ". exists already"),
        ("file/desk", "file/desk cannot be written: Not a directory"),
        ("nowhere/desk", "nowhere/desk cannot be written: No such file or directory"),
    ):
        done = new("--kind", "cloud", "--name", "desk", name)
        assert (done.exit_code, why in done.stderr) == (1, True), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "gone", "mine"]
    assert list((tmp_path / "mine").iterdir()) == []


def test_the_range_of_the_core_begins_with_the_one_at_hand() -> None:
    assert core_range("0.1.0") == ">=0.1,<0.2"
    assert core_range("1.9.3.post1") == ">=1.9,<1.10"
    assert core_range("0.2.0.dev3+local") == ">=0.2.0.dev3,<0.3"
