"""The server and the terms of requests that schemathesis generates from a description.

``FUZZ_INPUTS=400 pytest tests/v1/test_generated_requests.py`` (and ``tests/v2``) is
the long form: that many random requests for each operation, and all that cover its schema.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, Phase, settings

from tests.conftest import Server, running
from tests.stateful import settings as server_settings

_INPUTS: Final = os.environ.get("FUZZ_INPUTS")
# The explicit phase sends hundreds of requests for the fields of a start alone. The phase that
# makes a failing request smaller takes minutes, and the first one is small enough.
_PHASES: Final = [Phase.generate] if _INPUTS is None else [Phase.explicit, Phase.generate]

TERMS: Final = settings(
    max_examples=int(_INPUTS or 3),
    deadline=None,
    derandomize=True,
    phases=_PHASES,
    suppress_health_check=list(HealthCheck),
)
"""The number and the kinds of requests; the same ones in each run."""


@contextmanager
def serving_generated_requests(folder: Path) -> Iterator[Server]:
    """Serve the dummy cloud with a database.

    Without tokens: some checks send requests without one, and each failed login is answered later
    than the one before.
    """
    with running(server_settings(f'url = "sqlite:///{folder}/state.db"'), folder) as one:
        yield one
