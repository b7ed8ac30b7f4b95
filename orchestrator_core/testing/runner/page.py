"""The page that lists all behaviours, generated from their tests by ``make pages``."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Final

from orchestrator_core.testing.behaviours.behaviour import BEHAVIOURS, Behaviour

_WIDTH: Final = 100
"""Columns of a line."""

_HEAD: Final = """\
# Behaviours

The behaviours that the conformance kit checks, by number. `orchestrator plugin check NAME` checks
all of them, and so does a suite of `orchestrator_core.testing.make_suite`. Each has one result:

- `pass`: the plugin has the behaviour.
- `unsupported`: the behaviour does not apply to this plugin, for the reason that is given. If the
  plugin lacks a hook that the behaviour needs, the documented refusal was checked instead.
- `fail`: the plugin does not have the behaviour.
- `not run`: the behaviour was not checked, because a gate failed or it was not selected.

A number keeps its meaning for ever, and the number of a withdrawn behaviour is not used again.
Gates run first: if a gate fails, no other behaviour of the suite can be checked.

<!-- Generated from the kit's tests by make pages -->
"""

_KINDS: Final = {
    "S": ("The package", "Checked for every plugin, without a server and without network."),
    "C": ("Clouds", "Checked through HTTP, against the plugin's fake."),
    "A": ("Assignment backends", "Checked through HTTP, with a cloud that has a few nodes."),
    "E": ("Extensions", "Checked through HTTP, with a cloud."),
    "L": ("Real clouds", "Checked in a live run, after the behaviours of clouds."),
}


def behaviours_page() -> str:
    """Return the page as MyST Markdown."""
    return "\n".join([_HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for kind, (title, about) in _KINDS.items():
        yield f"## {title}\n\n{about}\n"
        shown = [one for one in BEHAVIOURS.values() if one.number.startswith(kind)]
        for one in sorted(shown, key=lambda behaviour: behaviour.place):
            yield _entry(one)


def _entry(one: Behaviour) -> str:
    hooks = ", ".join(f"`{hook}`" for hook in one.hooks)
    parts = ["A gate."] if one.is_gate else []
    parts += [f"Needs {hooks}."] if hooks else []
    parts += [_markdown(one.why)] if one.why else []
    text = f"\n\n{_wrapped(' '.join(parts))}" if parts else ""
    return f"({one.number.lower()})=\n### {one.number}: {_markdown(one.title)}{text}\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _markdown(text: str) -> str:
    return re.sub(r"``(.+?)``", r"`\1`", text)
