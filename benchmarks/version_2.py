"""Version 2 beside version 1: lists of nodes, and lists that have not changed."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from benchmarks.ratio import Ratio
from benchmarks.servers import serving
from benchmarks.wrk import load
from orchestrator_core import Image, PluginContext, Size, StartRequest
from orchestrator_dummy import DummyDriver

PAIRS = 7
SECONDS = 2
CLIENTS = 32
FEW_CLIENTS = 4
NODES = 10_000

_SETTINGS = """
default_cloud = "small"
[state]
url = "sqlite:///state.db"
[clouds.small]
driver = "dummy"
[clouds.large]
driver = "dummy"
store = "file:{large}"
"""


def measure(directory: Path) -> list[Ratio]:
    """Measure a short list in both versions, and a long one whole and unchanged.

    Args:
        directory: the folder of the server's files.
    """
    large = directory / "large.db"
    _fill(large)
    with serving(_SETTINGS.format(large=large), directory) as port:
        base = f"http://127.0.0.1:{port}/api"
        return [_short(base), _unchanged(base)]


def _short(base: str) -> Ratio:
    pairs = []
    for number in range(PAIRS + 1):
        ours = load(f"{base}/v2/clouds/small/nodes", clients=CLIENTS, seconds=SECONDS).rate
        theirs = load(f"{base}/v1/nodes/small", clients=CLIENTS, seconds=SECONDS).rate
        if number:  # The first round warms up.
            pairs.append((ours, theirs))
    return Ratio("requests/s of nodes in version 2 to version 1", pairs, at_least=0.9)


def _unchanged(base: str) -> Ratio:
    url = f"{base}/v2/clouds/large/nodes"
    with urllib.request.urlopen(url) as answer:
        etag = answer.headers["ETag"]
        assert len(answer.read()) > 100 * NODES
    pairs = []
    for _ in range(PAIRS):
        header = f"If-None-Match: {etag}"
        ours = load(url, clients=FEW_CLIENTS, seconds=SECONDS, header=header).rate
        theirs = load(url, clients=FEW_CLIENTS, seconds=SECONDS).rate
        pairs.append((ours, theirs))
    return Ratio(f"requests/s of {NODES} unchanged nodes to the whole list", pairs, at_least=5.0)


def _fill(file: Path) -> None:
    settings = DummyDriver.settings_schema().load({"store": f"file:{file}"})
    context = PluginContext(name="large", run_directory=file.parent)
    driver = DummyDriver(context, settings)
    request = StartRequest("x", Image("1", ""), Size("1", ""))
    for _ in range(NODES):
        driver.start_vm(request)
