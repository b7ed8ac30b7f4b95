"""Libcloud without the server: it lists the nodes for each input line and prints the seconds."""

from __future__ import annotations

import sys
import time

from benchmarks.libcloud_nodes import driver


def main() -> None:
    """Measure until the standard input ends."""
    amazon = driver(int(sys.argv[1]))
    for _ in sys.stdin:
        begun = time.perf_counter()
        amazon.list_nodes()
        print(time.perf_counter() - begun, flush=True)


if __name__ == "__main__":
    main()
