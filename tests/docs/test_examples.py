"""The blocks of the pages for plugin authors: valid code, settings and commands."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest
from packaging.requirements import Requirement

from orchestrator_core import CloudDescription, hookimpl
from orchestrator_core.cli import main
from orchestrator_core.errors import PluginError
from orchestrator_core.plugins.contract import check_class
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.load import load_settings
from tests.docs.blocks import ELSEWHERE, FOLDER, PAGES, Block, blocks

SHOWN = ("python", "toml", "console", "sh")
NOT_RUN = ("text", "yaml")

OTHERS = {"pip", "python", "git"}
"""Commands of other programs that the pages use."""


def named(*languages: str) -> pytest.MarkDecorator:
    found = list(blocks(*languages))
    return pytest.mark.parametrize("block", found, ids=[one.name for one in found])


def test_no_block_is_overlooked() -> None:
    for name, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        languages = re.findall(r"^```(\S+)$", text, flags=re.MULTILINE)
        known = {*SHOWN, *NOT_RUN, "{eval-rst}", "{toctree}", "{raw}"}
        assert set(languages) - {"```"} <= known, name
        ours = [one for one in languages if not one.startswith("{")]
        assert len(ours) == sum(one.name.startswith(f"{name}:") for one in blocks(*SHOWN, *NOT_RUN))
    assert {page.stem for page in FOLDER.glob("*.md")} <= {*PAGES, *ELSEWHERE}


# --- Python -------------------------------------------------------------------------------


class WithDescription:
    """A description that the examples leave out."""

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("example", "Example")


def plugins(namespace: dict[str, Any]) -> Iterator[type]:
    """Return the classes of a module that have hooks."""
    for thing in namespace.values():
        here = isinstance(thing, type) and thing.__module__ == namespace["__name__"]
        if here and any(hasattr(one, "orchestrator_impl") for one in vars(thing).values()):
            yield thing


@named("python")
def test_python_runs_and_its_plugins_keep_the_contract(block: Block) -> None:
    module = block.run()
    for plugin in plugins(module.__dict__):
        refusals = []
        for kind in Kind:
            whole = type(plugin.__name__, (plugin, WithDescription), {})
            try:
                check_class(kind, whole if kind is Kind.CLOUD else plugin)
            except PluginError as error:
                refusals.append(f"as {kind.value}: {error.message}")
        assert len(refusals) < len(Kind), refusals


# --- settings -----------------------------------------------------------------------------


@named("toml")
def test_toml_is_valid(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tomllib.loads(block.text)
    if "project" in data:
        project = data["project"]
        groups = {kind.group for kind in Kind}
        assert {g for g in project["entry-points"] if g.startswith("orchestrator")} <= groups
        (core,) = (
            needed
            for text in project["dependencies"]
            if (needed := Requirement(text)).name == "vm-orchestrator"
        )
        assert core.specifier.contains(version("vm-orchestrator"))
        return
    monkeypatch.setenv("NIMBUS_TOKEN", "x")
    config = tmp_path / "orchestrator.toml"
    config.write_text(block.text, encoding="utf-8")
    load_settings(config, {})


# --- commands -----------------------------------------------------------------------------


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command, and its remaining arguments."""
    command: click.Command = main
    context = click.Context(command, info_name="orchestrator")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]!r}"
        command, words = found, words[1:]
        context = click.Context(command, parent=context)
    return command, words


def check_command(words: list[str]) -> None:
    command, rest = command_of(words)
    known = {
        "--help",
        *(name for one in command.params for name in (*one.opts, *one.secondary_opts)),
    }
    assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= known, words


@named("console", "sh")
def test_every_command_that_is_shown_is_there(block: Block) -> None:
    lines = block.text.splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    assert lines
    for line in lines:
        for part in re.split(r"[|>]", line)[:1]:
            words = shlex.split(part, comments=True)
            if not words:
                continue
            if words[0] == "orchestrator":
                check_command(words[1:])
            else:
                assert words[0] in OTHERS, line


def mentions() -> Iterator[str]:
    for page in PAGES.values():
        yield from re.findall(r"`orchestrator ([^`]+)`", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", sorted(set(mentions())))
def test_every_command_that_is_named_is_there(command: str) -> None:
    check_command(shlex.split(command))
