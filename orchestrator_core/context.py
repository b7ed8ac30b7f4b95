"""What the core hands to a plugin when it makes its object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PluginContext:
    """A plugin's place in the running server.

    Attributes:
        name: the cloud's (or backend's) name in the settings.
        run_directory: a private directory that all processes of this server share
            and that is gone when the server ends.
    """

    name: str
    run_directory: Path
