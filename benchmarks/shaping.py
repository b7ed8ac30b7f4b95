"""An answer of ten thousand nodes against the JSON encoding of the same dictionaries alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import orjson

from benchmarks.libcloud_nodes import driver, start_nodes
from benchmarks.ratio import Ratio
from orchestrator_core.api.shared.encoding import encode_items
from orchestrator_core.api.v1 import answers, schemas
from orchestrator_core.model import CloudDescription, Node
from orchestrator_core.server.interpreter import spare_the_collector
from orchestrator_libcloud.fake import ec2_server
from orchestrator_libcloud.nodes.convert import to_node

PAIRS = 9
NODES = 10_000
REAL = 100

_CLOUD = CloudDescription("ec2", "Amazon EC2", "localhost")
_SHAPE = answers.shaper(schemas.NodeSchema)


def measure(_: Path) -> list[Ratio]:
    """Measure with nodes of a real EC2 API, and with the smallest possible nodes."""
    with ec2_server(remembers=False) as port:
        start_nodes(port, REAL)
        real = [to_node(node) for node in driver(port).list_nodes()]
    nodes = [
        replace(node, id=f"{node.id}-{copy}") for copy in range(NODES // REAL) for node in real
    ]
    small = [Node(str(number), f"dummy-{number}", extra={"foo": "bar"}) for number in range(NODES)]
    spare_the_collector()
    return [
        Ratio("shaping and encoding 10,000 EC2 nodes to orjson alone", _ours(nodes), at_most=6.0),
        Ratio("the same of nodes as small as the dummy's", _ours(small), at_most=6.0),
        Ratio("marshmallow's dump of 1,000 such nodes and orjson to orjson alone", _dumped(small)),
    ]


def _ours(nodes: Sequence[Node]) -> list[tuple[float, float]]:
    ready = _SHAPE(_CLOUD, nodes)
    return [
        (
            _seconds(lambda: encode_items(_SHAPE, _CLOUD, nodes)),
            _seconds(lambda: orjson.dumps(ready)),
        )
        for _ in range(PAIRS)
    ]


def _dumped(nodes: Sequence[Node]) -> list[tuple[float, float]]:
    schema = schemas.NodeSchema()
    ready = _SHAPE(_CLOUD, nodes[:1000])
    return [
        (
            _seconds(lambda: orjson.dumps(schema.dump(ready, many=True))),
            _seconds(lambda: orjson.dumps(ready)),
        )
        for _ in range(3)
    ]


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
