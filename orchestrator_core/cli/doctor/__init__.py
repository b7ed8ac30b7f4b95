"""``orchestrator doctor``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import rich_click as click

from orchestrator_core.cli.doctor import (
    certificates,
    clock,
    clouds,
    database,
    disk,
    leftovers,
    permissions,
    server,
    versions,
    worker,
)
from orchestrator_core.cli.doctor.findings import Examination, Level, number
from orchestrator_core.cli.doctor.run import SECONDS, Result, Task, run_all
from orchestrator_core.cli.doctor.subject import Subject, look_at
from orchestrator_core.cli.options import config_option, with_clear_errors
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.redaction import redact

EXAMINATIONS: Final = (
    Examination("server", "answers of the server; its settings against the file", server.examine),
    Examination("clouds", "clouds, assignment backends, circuits, lost threads", clouds.examine),
    Examination("database", "connection, schema, space, old rows, last backup", database.examine),
    Examination("worker", "durable worker, waiting work, decisions, orphans", worker.examine),
    Examination("clock", "clocks of this machine, the database and heartbeats", clock.examine),
    Examination("permissions", "files, folders and the socket", permissions.examine),
    Examination("disk", "free space and inodes", disk.examine),
    Examination("certificates", "certificates and tokens near their end", certificates.examine),
    Examination("versions", "installed, running and ended versions", versions.examine),
    Examination("leftovers", "folders and sockets of killed servers", leftovers.examine),
)
"""All examinations, in the order of their output."""

_INDENT: Final = " " * 9


def _named(
    _ctx: click.Context, _param: click.Parameter, names: tuple[str, ...]
) -> list[Examination]:
    known = {one.name for one in EXAMINATIONS}
    for name in names:
        if name not in known:
            raise click.BadParameter(f"{name!r} is none of {', '.join(sorted(known))}")
    return [one for one in EXAMINATIONS if not names or one.name in names]


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--list", "only_list", is_flag=True, help="Print the names of the examinations.")
@click.argument("examinations", nargs=-1, metavar="[NAME]...", callback=_named)
@with_clear_errors
def doctor(
    config: Path | None, examinations: list[Examination], *, as_json: bool, only_list: bool
) -> None:
    """Examine a running installation, and say what to do about each finding.

    Run it on the server's machine, as the server's user or as root. It changes nothing. NAME
    selects examinations; by default all are run, at once and within 30 seconds. The exit status is
    1 if there is a problem, and 0 with warnings alone.
    """
    if only_list:
        for one in examinations:
            click.echo(f"{one.name:13} {one.about}")
        return
    with ExitStack() as stack:
        try:
            subject = Task(lambda: look_at(config, stack)).result(SECONDS)
        except TimeoutError:
            raise OrchestratorError(
                f"the settings and plugins were not loaded within {SECONDS:g} s; see: orchestrator "
                "check"
            ) from None
        results = run_all(examinations, subject)
        if as_json:
            _show_json(results)
        else:
            _show(subject, results)
        sys.stdout.flush()
        levels = [one.level for result in results for one in result.findings]
        status = int(Level.PROBLEM in levels)
        if not all(result.has_ended for result in results):
            os._exit(status)  # a thread that hangs would keep this process from ending
    sys.exit(status)


def _show_json(results: Sequence[Result]) -> None:
    reports = [one.report(result.examination.name) for result in results for one in result.findings]
    click.echo(json.dumps({"findings": reports}, indent=2))


def _show(subject: Subject, results: Sequence[Result]) -> None:
    for running in subject.servers:
        click.echo(redact(server.describe(running, time.time())))
    reports = [one.report(result.examination.name) for result in results for one in result.findings]
    for report in reports:
        click.echo(f"\n{report['level']:8} {report['examination']}: {report['detail']}")
        click.echo(f"{_INDENT}{report['effect']}")
        click.echo(f"{_INDENT}Do: {report['remedy']}")
    counts = Counter(report["level"] for report in reports)
    click.echo(
        f"\n{number(len(results), 'examination')}: {number(counts['problem'], 'problem')}, "
        f"{number(counts['warning'], 'warning')}"
    )
