"""Settings of the Python interpreter for a process that serves requests and computes in threads."""

from __future__ import annotations

import gc
import sys


def collect_seldom() -> None:
    """Run Python's cycle collector less often, for a process that starts.

    Imports make many objects and hardly any garbage. With Python's own threshold, scans of them
    took an eighth of the time of a start. A start makes up to 170,000 objects, and a single scan
    of 50,000 of them takes 20 ms.
    """
    gc.set_threshold(200_000)


def spare_the_collector() -> None:
    """Exempt the objects of the start from Python's cycle collector, and run it less often.

    Requests make hardly any cycles, but enough objects to trigger many scans of all objects, which
    took a fifth of a worker's time. The threshold of the second generation is kept small, because
    its scan stops the whole process, and a long list consists of a million objects.

    What the start left behind is exempted too, without a scan for it: of 72,000 objects 1,000 were
    garbage, and the scan took a twelfth of the start.
    """
    gc.freeze()
    gc.set_threshold(5_000, 5, 50)


def let_the_loop_go_first() -> None:
    """Make computing threads release Python's lock five times as often as by default.

    The event loop needs the lock again after each system call. While a long list is parsed and
    shaped, every request would wait for the lock several times.
    """
    sys.setswitchinterval(0.001)
