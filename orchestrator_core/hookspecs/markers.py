"""The decorators of hooks."""

from __future__ import annotations

from typing import Final

import pluggy

PROJECT: Final = "orchestrator"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Mark a plugin's method as the implementation of the hook of the same name."""
