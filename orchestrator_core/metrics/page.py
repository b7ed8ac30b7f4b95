"""The documentation page of the metrics, generated from the catalogue.

``make pages`` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orchestrator_core.metrics.catalogue import (
    BUILD,
    DATABASE_READ,
    DATABASE_UP,
    FIGURES,
    MEASURED,
    OF_CALLS,
    Spec,
)

_HEAD: Final = """\
# Metrics

`/metrics` serves them; [Watch the server](../howto/watch.md) says to whom.

<!-- Generated from the code: make pages -->

- A counter only rises, also over reloads and over workers that end. It starts again at 0 when the
  whole server is started again.
- A histogram has the samples `_bucket`, `_sum` and `_count`.
- The label `route` is the template of a path, such as `/api/v1/nodes/{cloud}`. All paths that
  belong to no route share `unmatched`; all unknown methods share `other`.
- Requests that are malformed, or refused before their headers are complete, are not counted.

## Measured by the processes of one server

The web workers and the durable worker that `orchestrator serve` starts are added up. An
`orchestrator worker` that runs by itself serves its own on the address of `[metrics] bind`.
"""

_OF_DATABASE: Final = """\

## Read from the database at the scrape

These figures describe the whole installation, so every server over one database shows the same:
take their maximum, not their sum. A server without `[state]` does not have them. They are at most
a second old. If the database does not answer within 2 s, only `orchestrator_database_up` is left
of them, with the value 0.
"""


def metrics_page() -> str:
    """Return the page as Markdown."""
    calls = (spec for one in OF_CALLS.values() for spec in one.all)
    measured = _table((BUILD, *MEASURED, *calls))
    return f"{_HEAD}\n{measured}{_OF_DATABASE}\n{_table((DATABASE_UP, DATABASE_READ, *FIGURES))}"


def _table(specs: Iterable[Spec]) -> str:
    rows = "".join(_row(spec) for spec in specs)
    return f"| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n{rows}"


def _row(spec: Spec) -> str:
    labels = ", ".join(f"`{label}`" for label in spec.labels)
    return f"| `{spec.shown_name}` | {spec.kind.value} | {labels} | {spec.meaning} |\n"
