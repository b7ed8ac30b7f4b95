"""The documentation page of the states, made from the state machines.

``make pages`` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from orchestrator_core.broker.states import ASSIGNMENT, OPERATION, STEPS, VM, StateMachine

_HEAD: Final = """# States

Generated from `orchestrator_core/broker/states.py` by `make pages`.
The statements that write a state refuse every transition that is missing from these diagrams.
"""


def states_page() -> str:
    """Return the page as Markdown."""
    parts = [_HEAD, *(_section(machine) for machine in (OPERATION, VM, ASSIGNMENT))]
    steps = "\n".join(f"| `{step}` | {meaning} |" for step, meaning in STEPS.items())
    parts.append(f"## Steps of an operation\n\n| step | meaning |\n| --- | --- |\n{steps}\n")
    return "\n".join(parts)


def _section(machine: StateMachine[Any]) -> str:
    states = "\n".join(f"| `{state}` | {meaning} |" for state, meaning in machine.states.items())
    diagram = "\n".join(_diagram(machine))
    title = f"States of {'an' if machine.name[0] in 'aeo' else 'a'} {machine.name}"
    return (
        f"## {title}\n\n| state | meaning |\n| --- | --- |\n{states}\n\n"
        f"```mermaid\nstateDiagram-v2\n{diagram}\n```\n"
    )


def _diagram(machine: StateMachine[Any]) -> Iterator[str]:
    for state in machine.states:
        if state in machine.initial:
            yield f"    [*] --> {state}"
    for (source, target), why in machine.transitions.items():
        yield f"    {source} --> {target}: {why}"
    for state in machine.states:
        if not any(source == state for source, _ in machine.transitions):
            yield f"    {state} --> [*]"
