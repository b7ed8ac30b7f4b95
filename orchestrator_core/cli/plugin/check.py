"""``orchestrator plugin check``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import rich_click as click

from orchestrator_core.cli.options import with_clear_errors
from orchestrator_core.cli.plugin.options import cloud_option, live_option
from orchestrator_core.errors import PluginError
from orchestrator_core.plugins.discovery import discover
from orchestrator_core.plugins.record import Kind

_KINDS = [kind.value for kind in Kind]


@click.command()
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    help="The kind, if the name is not enough.",
)
@click.option("--static", is_flag=True, help="Check the package without running its code.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="Print a Markdown table.")
@click.option(
    "--readme",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Also write the table between the marks in this README.",
)
@live_option
@cloud_option
@with_clear_errors
def check(name: str, kind: str | None, form: str | None, **options: Any) -> None:
    """Check that the installed plugin NAME keeps the contract; exit status 1 if it does not.

    The check uses the fake that the plugin provides. With --live, and ORCHESTRATOR_LIVE=1 in the
    environment, it uses a real cloud, and starts and destroys nodes there. The result is a table
    of numbered behaviours, which docs/plugins/behaviours.md describes.
    """
    readme, file = options["readme"], options["live"]
    try:
        from orchestrator_core.testing.runner import report  # noqa: PLC0415 - needs the extra
        from orchestrator_core.testing.runner.live import live_subject  # noqa: PLC0415
        from orchestrator_core.testing.runner.run import run  # noqa: PLC0415
        from orchestrator_core.testing.targets.subject import Subject  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise PluginError(
            f"the kit needs {error.name}: pip install 'vm-orchestrator[testing]'"
        ) from None
    if file is not None:
        subject = live_subject(name, file, options["cloud"])
    else:
        subject = Subject(_kind(name, kind), name)
    results, failures = run(subject, static=options["static"], tracebacks=form is None)
    if readme is not None:
        _write(readme, partial(report.written_into, results=results))
    if form == "json":
        click.echo(json.dumps(report.as_json(results, plugin=subject.label), indent=2))
    elif form == "markdown":
        click.echo(report.as_markdown(results), nl=False)
    else:
        report.show(results)
        for failure in failures:
            click.echo(failure, err=True)
    sys.exit(0 if report.conforms(results) else 1)


def _write(readme: Path, table_in: Callable[[str], str]) -> None:
    try:
        text = table_in(readme.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PluginError(f"{readme}: {error}") from None
    readme.write_text(text, encoding="utf-8")


def _kind(name: str, kind: str | None) -> Kind:
    if kind is not None:
        return Kind(kind)
    found = {record.kind for record in discover() if record.name == name}
    if not found:
        raise PluginError(
            f"no plugin called {name!r} is installed; to list plugins, run: orchestrator plugins"
        )
    if len(found) > 1:
        kinds = " and ".join(sorted(one.value for one in found))
        raise PluginError(f"{name!r} is the name of a {kinds} plugin; pass --kind")
    return found.pop()
