"""Concurrent calls of one backend."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from orchestrator_cistern import CisternBackend
from orchestrator_core import AssignRequest, CloudTimeout, Deadline, OrchestratorError, Refused

THREADS = 32


def test_many_threads_share_one_backend(
    cistern_server: Any, make_backend: Callable[..., CisternBackend]
) -> None:
    backend = make_backend(url=cistern_server.url, connections=8)
    for n in range(THREADS):
        cistern_server.add("aws", f"i-{n}", f"web{n}")
    cistern_server.add("aws", "i-hot", "hot")
    start = threading.Barrier(THREADS)

    def one(n: int) -> str:
        start.wait()
        for _ in range(2):
            mine = backend.resolve_vm("aws", f"i-{n}", None, Deadline(20))
            request = AssignRequest("aws", mine, f"user{n}", "web")
            assert backend.assign_vm(request, Deadline(20)).id_vm == f"i-{n}"
            assert cistern_server.nodes["aws"][n]["user"] == f"user{n}"
            assert backend.release_vm("aws", mine, Deadline(20)).id_vm == f"i-{n}"
            assert len(backend.list_vms("aws", Deadline(20))) == THREADS + 1
        hot = backend.resolve_vm("aws", None, "hot", Deadline(20))
        try:
            backend.assign_vm(AssignRequest("aws", hot, f"user{n}", "web"), Deadline(20))
        except Refused:
            return "refused"
        return "assigned"

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = Counter(pool.map(one, range(THREADS)))

    assert outcomes == {"assigned": 1, "refused": THREADS - 1}
    assert len({request.connection for request in cistern_server.requests}) <= 8


def test_the_deadlines_of_threads_do_not_mix(cistern_server: Any, backend: CisternBackend) -> None:
    cistern_server.add("slow", "i-1", "web1")
    cistern_server.add("fast", "i-2", "web2")
    cistern_server.misbehave("slow body", on="nodes")
    start = threading.Barrier(8)

    def one(n: int) -> OrchestratorError | int:
        start.wait()
        try:
            return len(backend.list_vms("slow", Deadline(0.3 if n % 2 else 30)))
        except OrchestratorError as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(one, range(8)))

    assert all(isinstance(outcome, CloudTimeout) for outcome in outcomes[1::2])
    assert outcomes[0::2] == [1] * 4
