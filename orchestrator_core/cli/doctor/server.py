"""Examination of the running server: its answers, and its settings against the file."""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterator, Mapping
from typing import Final

from orchestrator_core.cli.doctor.ask import get_json, listener_of
from orchestrator_core.cli.doctor.findings import (
    Finding,
    duration,
    listed,
    number,
    problem,
    warning,
)
from orchestrator_core.cli.doctor.servers import RunningServer
from orchestrator_core.cli.doctor.subject import Subject
from orchestrator_core.cli.lists import moment
from orchestrator_core.running import fingerprints, variables
from orchestrator_core.settings.model import Settings

_ENVIRONMENT: Final = "set -a; . /etc/orchestrator/environment; set +a"
"""The command that gives a shell the variables of a server under systemd."""

_NO_WORKER: Final = "state.worker"
"""The key that ``serve --no-worker`` sets by itself."""


_NOT_READY: Final = {
    "server": "Wait until it has stopped, and start it: systemctl start orchestrator",
    "database": "Mend what this tells of the database: orchestrator check --connect{config}",
    "durable_worker": (
        "Read the server's log for the end of its durable worker, or run one: orchestrator worker"
        "{config}"
    ),
}
"""The remedy for each check of ``/health`` that makes a server unready."""

_OTHERWISE: Final = "Read the server's log for the reason"


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield what keeps the server from serving these settings."""
    yield from subject.findings
    if not any(one.kind != "worker" for one in subject.servers):
        yield _nothing_runs(subject)
    for server in subject.servers:
        for address in server.addresses:
            yield from _health(server, address, subject)
        if server.refused_at is not None:
            yield _refusal(server, subject)
        if not subject.findings:
            yield from _differences(server, subject.settings)


def _nothing_runs(subject: Subject) -> Finding:
    what = "the built-in defaults" if subject.file is None else str(subject.file)
    detail = f"No server with {what} runs here, as far as this user can see."
    holder = listener_of(subject.settings.server.bind)
    if holder is not None:
        detail = f"{detail[:-1]}; {holder} listens on {subject.settings.server.bind}."
    remedy = (
        f"Start it: orchestrator serve{subject.config}; or, if it runs, use its user and the same "
        "--config"
    )
    bind = subject.settings.server.bind
    others = [one for one in subject.others if one.file and one.kind != "worker"]
    if others:
        # The server on the address of these settings first: it keeps them from being served.
        other = max(others, key=lambda one: any(at.endswith(bind) for at in one.addresses))
        detail = f"{detail[:-1]}; {_lower(other.title)} runs with {other.file}."
        remedy = f"Examine that one: orchestrator doctor --config {other.file}; or {_lower(remedy)}"
    # A machine with a durable worker alone may be meant so; one with neither is not.
    make = warning if subject.servers else problem
    return make(
        "not_running",
        detail,
        "No request is answered, and only the files and the database can be examined.",
        remedy,
    )


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _health(server: RunningServer, address: str, subject: Subject) -> Iterator[Finding]:
    try:
        body = get_json(address, "/health")
    except (OSError, ValueError, http.client.HTTPException) as error:
        yield problem(
            "not_answering",
            f"{server.title} does not answer {address}/health ({type(error).__name__}).",
            "Its callers get no answer either, or wait for long.",
            "Read its log; then restart it: systemctl restart orchestrator",
        )
        return
    for check in body.get("checks", []):
        if check.get("status") != "unavailable":
            continue
        if check["name"] == "database" and subject.usable:
            yield _other_database(server, subject)
        else:
            yield problem(
                "not_ready",
                f"{server.title} is not ready: {check['name']}: {check.get('reason')}.",
                "A load balancer sends it no requests.",
                f"{_NOT_READY.get(check['name'], _OTHERWISE).format(config=subject.config)}; then "
                f"look again: curl -s {_url(address)}/health/ready",
            )


def _other_database(server: RunningServer, subject: Subject) -> Finding:
    """Return the finding about a server that cannot use a database which this command can."""
    database = subject.database
    assert database is not None
    if not database.is_sqlite:
        why, remedy = "", f"Read the server's log for the reason; then {server.reload}"
    else:
        why = ", which was moved or replaced under it, or which its user may not open"
        remedy = (
            f"Put the file back that was at {database.shown}; or, to go on with the present one, "
            f"stop the server and start it: kill {server.pid}; orchestrator serve{subject.config}"
        )
    return problem(
        "not_ready",
        f"{server.title} cannot use the database {database.shown}{why}; this command can.",
        "A load balancer sends it no requests, and every change of a VM is refused.",
        remedy,
    )


def _url(address: str) -> str:
    path = address.removeprefix("unix:")
    return address if path == address else f"--unix-socket {path} http://localhost"


def _refusal(server: RunningServer, subject: Subject) -> Finding:
    assert server.refused_at is not None
    return problem(
        "reload_refused",
        f"{server.title} refused a reload at {moment(server.refused_at)}: "
        f"{' '.join(server.refusal.split())}",
        f"It still runs with the settings of {moment(server.loaded_at)}.",
        f"orchestrator check{subject.config} && {server.reload}",
    )


def _differences(server: RunningServer, settings: Settings) -> Iterator[Finding]:
    """Yield the keys whose values in the file are not those in force."""
    found = fingerprints(settings, server.key)
    keys = sorted(key for key in {*found, *server.settings} if _differs(key, found, server))
    here = {".".join(path) for path in settings.origins}
    foreign = [key for key in keys if key in server.origins and key not in here]
    named = variables(settings)
    fixed = [key for key in keys if key not in foreign and _is_fixed(named.get(key), server)]
    own = [key for key in keys if key not in {*foreign, *fixed}]
    if own:
        yield warning(
            "reload_outstanding",
            f"{server.title} has not loaded {number(len(own), 'key')} of its settings: "
            f"{listed(own)}.",
            f"It runs with the values of {moment(server.loaded_at)}.",
            server.reload,
        )
    if fixed:
        yield _fixed(server, fixed, sorted({named[key] for key in fixed}))
    foreign = [key for key in foreign if key != _NO_WORKER]
    if foreign:
        names = sorted({server.origins[key] for key in foreign})
        yield warning(
            "environment_differs",
            f"{server.title} has {listed(foreign)} from variables that are not set here: "
            f"{', '.join(names)}.",
            "The findings are about the values of the file, which this server does not use.",
            f"Run the doctor with the server's environment: {_ENVIRONMENT}",
        )


def _is_fixed(variable: str | None, server: RunningServer) -> bool:
    """Return whether a value comes from a variable that the server has otherwise, or not at all.

    The environment of a process stays what it was at its start, so no reload helps.
    """
    if variable is None:
        return False
    theirs = server.environment()
    return theirs is None or theirs.get(variable) != os.environ.get(variable)


def _fixed(server: RunningServer, keys: list[str], names: list[str]) -> Finding:
    return warning(
        "environment_differs",
        f"{server.title} was started with other values of {listed(names)}, or without them, than "
        f"are set here; they give {listed(keys)}.",
        "A process keeps the environment of its start, so a reload does not change that.",
        f"To use the values set here, give them to the server and restart it: {server.restart}; to "
        f"examine it with its own: {_ENVIRONMENT}",
    )


def _differs(key: str, found: Mapping[str, str], server: RunningServer) -> bool:
    return found.get(key) != server.settings.get(key)


def describe(server: RunningServer, now: float) -> str:
    """Return a line about a server, for the head of the output."""
    where = ", ".join(server.addresses) or "an unknown address"
    listens = "" if server.kind == "worker" else f" at {where}"
    return f"{server.title}{listens}, settings loaded {duration(now - server.loaded_at)} ago"
