"""The contract command: ``python -m tests.contract`` adds what is new to ``v1.json``.

It reports what is broken. With ``--check`` it writes nothing.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

from tests.contract.history import added, broken, read, write
from tests.contract.snapshot import snapshot

core = version("vm-orchestrator")
now = snapshot()
if "--check" not in sys.argv:
    write(added(read(), now, core))
said = list(broken(read(), now, core))
print("\n".join(said) or f"{len(now)} parts, as promised")  # noqa: T201 - a command
sys.exit(bool(said))
