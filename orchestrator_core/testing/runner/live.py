"""Live runs against real clouds: only on request, with unique node names and a sweep."""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from orchestrator_core.errors import SettingsError
from orchestrator_core.plugins.record import Kind
from orchestrator_core.testing.fake import Fake, FakeFactory, Stage
from orchestrator_core.testing.targets.subject import Subject

VARIABLE: Final = "ORCHESTRATOR_LIVE"
PREFIX: Final = "orchestrator-live-"
"""The prefix of the name of every node that a live run starts."""

_SETTLE: Final = 600.0
_MANY: Final = 2


def live_subject(name: str, file: Path, cloud: str | None) -> Subject:
    """Return a cloud plugin for a test with a real cloud; no other run has its node names.

    Args:
        name: The name of the plugin.
        file: The settings file that has the cloud.
        cloud: The name of the cloud; needed if the file has several with this driver.

    Raises:
        SettingsError: The file has no such cloud, or the environment does not allow a live run.
    """
    section = _allowed_section(name, file, cloud)
    return _subject(name, f"{PREFIX}{secrets.token_hex(3)}", section, file)


def sweeping_subject(name: str, file: Path, cloud: str | None) -> Subject:
    """Return the same cloud for a sweep of the nodes that earlier live runs have left.

    The sweep destroys nodes of other installations, which ``destroy = "own"`` would forbid.
    """
    section = _allowed_section(name, file, cloud) | {"destroy": "all"}
    return _subject(name, PREFIX, section, file)


def _allowed_section(name: str, file: Path, cloud: str | None) -> dict[str, Any]:
    if os.environ.get(VARIABLE) != "1":
        raise SettingsError(
            f"a live run starts and destroys real nodes, which costs money: set {VARIABLE}=1"
        )
    return _section(name, file, cloud)


def _subject(name: str, prefix: str, section: Mapping[str, Any], file: Path) -> Subject:
    return Subject(Kind.CLOUD, name, _fake(section, file), prefix, live=True)


def _section(name: str, file: Path, cloud: str | None) -> dict[str, Any]:
    try:
        clouds = tomllib.loads(file.read_text(encoding="utf-8")).get("clouds", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {error}") from None
    fitting = {key: value for key, value in clouds.items() if value.get("driver") == name}
    if cloud is not None:
        fitting = {key: value for key, value in fitting.items() if key == cloud}
    if len(fitting) != 1:
        found = ", ".join(sorted(fitting)) or "none"
        raise SettingsError(
            f'{file}: expected one cloud with driver = "{name}", found: {found}; '
            "--cloud chooses one"
        )
    (section,) = fitting.values()
    return {key: value for key, value in section.items() if key not in ("driver", "assignment")}


def _fake(section: Mapping[str, Any], file: Path) -> FakeFactory:
    @contextmanager
    def factory(_stage: Stage) -> Iterator[Fake]:
        yield Fake(settings=section, settle=_SETTLE, many=_MANY, file=file)

    return factory
