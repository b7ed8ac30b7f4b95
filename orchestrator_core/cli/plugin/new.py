"""``orchestrator plugin new``."""

from __future__ import annotations

import keyword
import re
import shlex
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import rich_click as click

from orchestrator_core.cli.options import with_clear_errors
from orchestrator_core.cli.plugin.scaffold import NewPlugin, write
from orchestrator_core.errors import PluginError
from orchestrator_core.plugins.discovery import discover
from orchestrator_core.plugins.record import Kind

_KINDS: Final = [kind.value for kind in Kind]
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST: Final = 64
_OURS: Final = ("cistern", "core", "dummy", "given", "libcloud", "pool")
"""The names of this project's own plugins, whether or not they are installed."""


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    help="The kind of plugin. The command asks for it if it is not given.",
)
@click.option("--name", help="The name of the plugin in settings. Default: ask for it.")
@click.option("--description", default="", help="One sentence for the package and the README.")
@click.option("--author", default="", metavar="NAME", help="The author, as NAME or NAME <MAIL>.")
@with_clear_errors
def new(
    directory: Path | None, kind: str | None, name: str | None, description: str, author: str
) -> None:
    """Write the package of a new plugin into DIRECTORY, which must not exist yet.

    The default of DIRECTORY is vm-orchestrator-NAME. The new plugin works as it is, with data in
    memory, and its tests pass. Replace its code with calls of your own; the tests check that it
    keeps the contract.
    """
    kind = kind or _asked("--kind", "Kind", type=click.Choice(_KINDS), default=Kind.CLOUD.value)
    if name is None:
        name = _asked("--name", "Name", value_proc=_checked)
    else:
        check_name(name)
    plugin = NewPlugin(Kind(kind), name, description, author)
    target = directory or Path(plugin.distribution)
    write(target, plugin.files())
    click.echo(f"{target} written. Next steps:\n")
    for line in (
        f"cd {shlex.quote(str(target))}",
        "pip install -e '.[test]'",
        "pytest",
        "orchestrator serve --config orchestrator.toml",
    ):
        click.echo(f"  {line}")


def check_name(name: str) -> None:
    """Refuse a name that a new plugin cannot have.

    Raises:
        PluginError: The name is refused; the message says why, and which names are allowed.
    """
    if _NAME.fullmatch(name) is None or len(name) > _LONGEST:
        raise PluginError(
            f"name: {name!r} is not allowed; use small letters, digits and single underscores, "
            f"with a letter first and at most {_LONGEST} characters, for example my_cloud"
        )
    if keyword.iskeyword(name):
        raise PluginError(f"name: {name!r} is a Python keyword; choose another")
    if name in _OURS:
        raise PluginError(f"name: {name!r} is one of Orchestrator's own; choose another")
    for record in discover():
        if record.name == name:
            raise PluginError(f"name: {name!r} is taken by {record.label}, which is installed")
    if find_spec(f"orchestrator_{name}") is not None:
        raise PluginError(f"name: a package orchestrator_{name} is installed; choose another")


def _checked(name: str) -> str:
    try:
        check_name(name)
    except PluginError as error:
        raise click.UsageError(error.message) from None
    return name


def _asked(option: str, question: str, **how: Any) -> str:
    ask: Callable[..., str] = click.prompt
    try:
        return ask(question, **how)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise click.UsageError(f"{option} is required if the input is no terminal") from None
