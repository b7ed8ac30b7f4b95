"""How Python itself runs in a process that serves requests beside threads that compute."""

from __future__ import annotations

import gc
import sys


def spare_the_collector() -> None:
    """Take what was made at the start out of Python's collector for cycles, and let it run less.

    Requests make hardly any cycles, but enough objects to have everything looked through
    again and again: a fifth of a worker's time. The second generation is kept small, since
    a look through it stops the whole process, and a long list is a million objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 5, 50)


def let_the_loop_go_first() -> None:
    """Have threads that compute let go of Python's lock five times as often as by themselves.

    The event loop needs it again after each system call: while a long list is parsed and
    shaped, every request would wait for it several times.
    """
    sys.setswitchinterval(0.001)
