"""Lost VMs and double assignments while three clouds answer starts and releases wrongly."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import trustme
from any_host import any_host
from storm_clouds import Amazon, Answer, DigitalOcean, OpenStack, Storm

from orchestrator_libcloud.fake import ec2_server
from tests import loopback
from tests.conftest import running
from tests.stateful import Api

_SECONDS: Final = {"short": 10.0, "soak": 600.0}
_SETTLING: Final = 240.0
"""Seconds within which everything settles once the clouds answer correctly."""

_CLIENTS: Final = 3
"""The number of clients of each cloud."""

_TOML: Final = """default_cloud = "os"
[state]
url = "sqlite:///state.db"
orphan_scan_interval = 1.0
retry_delay = 0.2
max_retry_delay = 1
[assignments.given]
backend = "given"
[clouds.os]
driver = "libcloud"
provider = "openstack"
key = "me"
secret = "env:TEST_EC2_SECRET"
region = "RegionOne"
{common}
[clouds.os.arguments]
ex_force_auth_url = "http://127.0.0.1:{os}"
ex_force_auth_version = "3.x_password"
ex_tenant_name = "t"
ex_domain_name = "Default"
[clouds.do]
driver = "libcloud"
provider = "digitalocean"
key = "env:TEST_EC2_KEY"
proxy = "http://127.0.0.1:{do}"
ca_file = "{ca_file}"
{common}
[clouds.aws]
driver = "libcloud"
provider = "ec2"
key = "env:TEST_EC2_KEY"
secret = "env:TEST_EC2_SECRET"
region = "eu-west-1"
host = "127.0.0.1"
port = {aws}
secure = false
image_owner = ["self"]
{common}
"""
_COMMON: Final = """assignment = "given"
destroy = "own"
visibility_timeout = 3
release_wait = 2
breaker = { failures = 1000 }"""


@dataclass
class Client:
    """A client that starts, assigns and releases VMs.

    Attributes:
        told: the count of each status, by kind of request.
        faults: descriptions of violations.
    """

    url: str
    cloud: str
    image: str
    size: str
    there: Callable[[], set[str]]
    seed: int
    held: dict[tuple[str, str], str]
    lock: threading.Lock
    told: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def run(self, ends_at: float) -> None:
        chance = random.Random(self.seed)
        number = 0
        # The server may close a kept connection just when it is used again.
        each_its_own = httpx2.Limits(max_keepalive_connections=0)
        with loopback.client(f"{self.url}/api/v1", timeout=120.0, limits=each_its_own) as http:
            while time.monotonic() < ends_at:
                number += 1
                self._live(http, chance, number)

    def _live(self, http: httpx2.Client, chance: random.Random, number: int) -> None:
        key = {"Idempotency-Key": f"{self.cloud}-{self.seed}-{number}"}
        order = {"name": f"vm-{self.seed}-{number}", "image": self.image, "size": self.size}
        answer = http.post(f"/vm/start/{self.cloud}", json=order, headers=key)
        if answer.status_code != 200 and chance.random() < 0.5:
            answer = http.post(f"/vm/start/{self.cloud}", json=order, headers=key)
        self._count("start", answer)
        if answer.status_code != 200:
            return
        node = str(answer.json()["nodes"]["id"])
        if chance.random() < 0.15:
            self._put(http, "stop", {"node": node})
            return
        users = [f"user-{self.seed}", f"rival-{self.seed}"]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda user: self._assign(http, node, user), users))
        for _ in range(3):
            if self._release(http, node):
                return

    def _assign(self, http: httpx2.Client, node: str, user: str) -> None:
        body = {"node": node, "user": user, "vm_type": "app"}
        answer = self._put(http, "action/assign", body)
        if answer.status_code != 200:
            return
        with self.lock:
            before = self.held.get((self.cloud, node))
            if before is not None and before != user:
                self.faults.append(f"{node} was given to {user} while {before} held it")
            self.held[self.cloud, node] = user

    def _release(self, http: httpx2.Client, node: str) -> bool:
        with self.lock:
            self.held.pop((self.cloud, node), None)
        answer = self._put(http, "action/release", {"node": node})
        if answer.status_code != 200:
            return False
        if answer.json()["deletion"] == "done" and node in self.there():
            self.faults.append(f"{self.cloud} runs {node}, which was told to be deleted")
        return True

    def _put(self, http: httpx2.Client, what: str, body: dict[str, str]) -> httpx2.Response:
        answer = http.put(f"/vm/{what}/{self.cloud}", json=body)
        self._count(what, answer)
        return answer

    def _count(self, what: str, answer: httpx2.Response) -> None:
        with self.lock:
            self.told[f"{what} {answer.status_code}"] += 1


@dataclass
class StormyClouds:
    """The clouds, the storms before them, and the server that uses them."""

    server: Any
    storms: dict[str, Storm]
    there: dict[str, Callable[[], set[str]]]
    images: dict[str, str]


@pytest.fixture
def stormy(tmp_path: Path) -> Iterator[StormyClouds]:
    seed = int(os.environ.get("TEST_STORM_SEED", "13"))
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    secrets = {"TEST_EC2_KEY": "AKIAIOSFODNN7EXAMPLE", "TEST_EC2_SECRET": "wJalrXUtnFEMIexample"}
    with ExitStack() as stack:
        moto = Amazon(stack.enter_context(ec2_server()))
        droplets = DigitalOcean()
        ports: dict[str, int] = {}
        nova = OpenStack(lambda: ports["os"])
        clouds: dict[str, Answer] = {"os": nova, "do": droplets, "aws": moto}
        storms = {name: Storm(cloud, seed + at) for at, (name, cloud) in enumerate(clouds.items())}
        for name, storm in storms.items():
            storm.is_calm = True
            ports[name] = stack.enter_context(any_host(storm, authority))
        toml = _TOML.format(common=_COMMON, ca_file=ca_file, **ports)
        server = stack.enter_context(running(toml, tmp_path, secrets))
        server.wait_for_log("durable worker ready")
        there = {"os": nova.vms.ids, "do": droplets.vms.ids, "aws": moto.ids}
        yield StormyClouds(server, storms, there, {"os": "i", "do": "i", "aws": moto.image()})


@pytest.mark.timeout(2000)
@pytest.mark.parametrize(
    "length", ["short", pytest.param("soak", marks=pytest.mark.soak)], ids=["short", "soak"]
)
def test_a_storm_of_faults_loses_no_vm(stormy: StormyClouds, length: str) -> None:
    seconds = float(os.environ.get("TEST_STORM_SECONDS", _SECONDS[length]))
    api = Api(stormy.server)
    held: dict[tuple[str, str], str] = {}
    lock = threading.Lock()
    sizes = {"os": "s", "do": "s", "aws": "t3.small"}
    clients = [
        Client(
            stormy.server.url, cloud, stormy.images[cloud], sizes[cloud], there, seed, held, lock
        )
        for cloud, there in stormy.there.items()
        for seed in range(_CLIENTS)
    ]
    for storm in stormy.storms.values():
        storm.is_calm = False
    ends_at = time.monotonic() + seconds
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(lambda client: client.run(ends_at), clients))
    for storm in stormy.storms.values():
        storm.is_calm = True
    with api.http:
        rest = _settle(api)
        faults = [fault for client in clients for fault in client.faults]
        faults += _violations(api, stormy, rest)
    told = sum((client.told for client in clients), Counter[str]())
    print(f"\nstorm of {seconds:g} s: {dict(sorted(told.items()))}")  # noqa: T201 - the figures
    for name, storm in stormy.storms.items():
        print(f"{name}: {storm.requests} requests, {storm.hits} hit")  # noqa: T201
    print(f"operations: {Counter((one['kind'], one['state']) for one in rest)}")  # noqa: T201
    assert not faults
    assert told["start 200"] > 0
    assert all(storm.hits for storm in stormy.storms.values())


def _operations(api: Api) -> list[dict[str, Any]]:
    """Return every operation: the list comes in pages."""
    found: list[dict[str, Any]] = []
    wanted = {"limit": "500"}
    while True:
        page = api.read("/operations", **wanted)
        found += page["operations"]
        if page["next"] is None:
            return found
        wanted["cursor"] = page["next"]


def _settle(api: Api) -> list[dict[str, Any]]:
    """Wait until every operation has ended and orphans were scanned; return all operations."""
    ends_at = time.monotonic() + _SETTLING
    while True:
        operations = _operations(api)
        waiting = [one for one in operations if one["state"] in ("pending", "running")]
        if not waiting:
            time.sleep(3.0)  # some scans for orphans
            return _operations(api)
        assert time.monotonic() < ends_at, waiting[:5]
        time.sleep(0.5)


def _violations(api: Api, stormy: StormyClouds, operations: list[dict[str, Any]]) -> Iterator[str]:
    """Yield violations: VMs that no record knows, and VMs that run although they count as gone."""
    known: set[tuple[str, str]] = set()
    gone: set[tuple[str, str]] = set()
    for one in operations:
        if one["node"] is None:
            continue
        vm = (one["cloud"], one["node"])
        if one["kind"] in ("stop_vm", "release_vm") and one["state"] == "succeeded":
            gone.add(vm)
        if one["state"] == "paused" or (one["kind"], one["state"]) == ("start_vm", "succeeded"):
            known.add(vm)
    known |= {(one["cloud"], one["node"]) for one in api.orphans()}
    for cloud, there in stormy.there.items():
        for node in there():
            if (cloud, node) in gone:
                yield f"{cloud} runs {node}, which counts as gone"
            elif (cloud, node) not in known:
                yield f"{cloud} runs {node}, which no record knows"
