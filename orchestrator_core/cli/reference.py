"""The command line reference, generated from the commands.

``make pages`` writes it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Final

import rich_click as click

from orchestrator_core.cli.main import main

_HEAD: Final = """\
# Command line

Every command prints its help with `--help`. The exit status is 0 after success, 1 after an error
(the message is on standard error), and 2 when the command line itself is wrong.

`CLOUD` is the name of a cloud in the settings (`default` is the default cloud), `NODE` the id of a
node, and `OPERATION_ID` the id of an operation.

<!-- Generated from the commands: make pages -->
"""

_OPTIONS: Final = "| option | default | meaning |\n| --- | --- | --- |"


def command_line_page() -> str:
    """Return the reference of all commands as Markdown.

    Raises:
        ValueError: when a command or an option has no help text.
    """
    context = click.Context(main, info_name="orchestrator")
    return "\n".join((_HEAD, *_commands(main, context)))


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield _entry(command, inner)
        if isinstance(command, click.Group):
            yield from _commands(command, inner)


def _entry(command: click.Command, context: click.Context) -> str:
    path = context.command_path
    level = "#" * (len(path.split()))
    if not command.help:
        raise ValueError(f"the command {path!r} has no help text")
    parts = [f"{level} `{path}`\n", f"{inspect.cleandoc(command.help)}\n"]
    if not isinstance(command, click.Group):
        parts.append(f"```text\n{path} {' '.join(command.collect_usage_pieces(context))}\n```\n")
    rows = [
        _row(one, context)
        for one in command.params
        if isinstance(one, click.Option) and not one.hidden
    ]
    if rows:
        parts.append("\n".join((_OPTIONS, *rows, "")))
    return "\n".join(parts)


def _row(option: click.Option, context: click.Context) -> str:
    if not option.help:
        raise ValueError(f"{context.command_path} {option.opts[0]} has no help text")
    names = ", ".join((*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f" {option.make_metavar(context).removesuffix(' RANGE')}"
    words = option.help
    if option.envvar and option.show_envvar:
        words += f" The environment variable `{option.envvar}` names it, too."
    return _cells(f"`{names}{value}`", _default(option, context), words)


def _default(option: click.Option, context: click.Context) -> str:
    default: Any = option.get_default(context)
    is_shown = isinstance(default, str | int) and not isinstance(default, bool) and default != ""
    return f"`{default}`" if is_shown else ""


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
