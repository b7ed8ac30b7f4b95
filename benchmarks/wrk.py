"""The load generator wrk: command and output."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import Final

_MILLISECONDS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """The result of a load.

    Attributes:
        rate: requests per second.
        p99: the 99th percentile of the answers' times, in milliseconds.
    """

    rate: float
    p99: float


def load(url: str, *, clients: int = 32, seconds: int = 2, header: str = "") -> Load:
    """Send requests for one URL from ``connections`` clients again and again.

    Raises:
        RuntimeError: an answer has another status than expected.
    """
    more = ["-H", header] if header else []
    said = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", *more, url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", said)
    assert rate
    assert p99
    return Load(float(rate[1]), float(p99[1]) * _MILLISECONDS[p99[2]])
