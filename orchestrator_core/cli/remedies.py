"""Remedies for a database, a cloud or an assignment backend that cannot be used."""

from __future__ import annotations

from typing import Final

from orchestrator_core.errors import (
    CloudError,
    CloudTimeout,
    CloudUnreachable,
    CredentialsRefused,
    InvalidAnswer,
    OrchestratorError,
    RateLimited,
    RequestError,
)

STATE: Final = 'add to the settings: [state] url = "sqlite:///var/orchestrator.db"'
"""The remedy where a part needs a database and the settings name none."""

_OF_CALLS: Final[dict[type[OrchestratorError], str]] = {
    CredentialsRefused: (
        "correct the credentials in {section}, or the variables or files that it names, and check "
        "that the account still exists and may list VMs"
    ),
    CloudTimeout: (
        "check the address in {section}, and that no firewall or proxy between here and there "
        "drops the connection"
    ),
    CloudUnreachable: (
        "check that the service runs, that the address in {section} is right, and that this "
        "machine can reach it (name server, route, firewall, proxy)"
    ),
    RateLimited: "wait, and lower what else uses this account, or threads in {section}",
    InvalidAnswer: (
        "check that the address in {section} is that of the API itself, and not of a proxy or a "
        "login page"
    ),
    RequestError: "correct {section}: the message says what the service does not accept",
    CloudError: "look at the service's own status page and logs; if it works, check {section}",
}
"""The remedy for each kind of error; the first class that fits counts."""


def of_call(error: OrchestratorError, section: str) -> str:
    """Return what an operator does about a call that failed.

    Args:
        error: the error of the call.
        section: the section of the settings, such as ``[clouds.aws]``.
    """
    for kind, remedy in _OF_CALLS.items():
        if isinstance(error, kind):
            return remedy.format(section=section)
    return f"correct {section}"


def of_silence(section: str) -> str:
    """Return what an operator does about a service that does not answer in time."""
    return of_call(CloudTimeout(""), section)


def of_plugin(section: str) -> str:
    """Return what an operator does about a plugin that is not usable."""
    return (
        f"correct {section}, or install the plugin again; this shows its state: orchestrator "
        "plugins"
    )


def of_database(*, is_sqlite: bool) -> str:
    """Return what an operator does about a database that cannot be reached."""
    if is_sqlite:  # the reason names the file and what to do with it
        return ""
    return "start the database, or correct [state] url"
