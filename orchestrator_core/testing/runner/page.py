"""The page that lists all behaviours, made out of their tests: it can say nothing else.

``make pages`` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from orchestrator_core.testing.behaviours.behaviour import BEHAVIOURS, Behaviour

_HEAD: Final = """\
# Behaviours

What the conformance kit shows of a plugin, by numbers. `orchestrator plugin check NAME` goes
through them, and so does what `orchestrator_core.testing.make_suite` makes. Each comes out as

- `pass`: it was shown;
- `unsupported`: it is not asked of this plugin, and the reason is told. Where a hook is not
  claimed, its documented refusal was shown;
- `fail`: it was shown not to be so;
- `not run`: something else kept it from being shown, a gate that failed or a selection.

A number keeps its meaning for ever; one that is given up is not given again. Gates come first:
without them nothing else can be shown.

<!-- Made out of the kit's own tests: make pages -->
"""

_KINDS: Final = {
    "S": ("The package", "Of every plugin. Nothing is served, no network is used."),
    "C": ("Clouds", "Shown through HTTP, against the plugin's fake."),
    "A": ("Assignment backends", "Shown through HTTP, beside a cloud with a few nodes."),
    "E": ("Extensions", "Shown through HTTP, around a cloud."),
    "L": ("Real clouds", "Asked of a live run, beside those of clouds."),
}


def behaviours_page() -> str:
    """Return the whole page, as MyST Markdown."""
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
    text = f"\n\n{' '.join(parts)}" if parts else ""
    return f"({one.number.lower()})=\n### {one.number}: {_markdown(one.title)}{text}\n"


def _markdown(text: str) -> str:
    return re.sub(r"``(.+?)``", r"`\1`", text)
