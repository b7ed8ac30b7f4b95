"""Pages of lists: the part of a list that a provider is asked for."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from any_host import Reply, Request, any_host
from paged_clouds import in_json, in_xml

from orchestrator_core import Deadline, Unsupported
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.listing.id_ranges import cover
from orchestrator_libcloud.listing.parts import WAYS, WHOLE
from orchestrator_libcloud.listing.provider_lists import LISTS

_README = Path(__file__).parent.parent / "README.md"
PAGE = 200
"""Instances on a page of the test's Amazon: a fifth of the real one's, and of the time."""


def table() -> str:
    """Return the README's table."""
    providers: dict[str, list[str]] = {}
    for name, lists in LISTS.items():
        providers.setdefault(WAYS.get(name, lists.pages and WHOLE), []).append(name)
    rows = [f"| {', '.join(sorted(names))} | {way} |" for way, names in providers.items()]
    return "\n".join(["| provider | part of a list |", "| --- | --- |", *rows]) + "\n"


def test_the_readme_has_the_table() -> None:
    assert table() in _README.read_text(), f"the README should have:\n{table()}"


def test_every_provider_that_has_pages_says_why_its_parts_come_as_they_do() -> None:
    unpaged = {name for name in LISTS if name not in WAYS}
    assert {name for name in unpaged if not LISTS[name].pages.startswith("no")} == set()
    assert WAYS.keys() <= LISTS.keys()


@dataclass
class Amazon:
    """Instances in no order, on pages, with filters of ids by wildcards.

    Attributes:
        seen: the queries for instances.
        given: the number of instances returned.
    """

    ids: list[str]
    has_wildcards: bool = True
    seen: list[dict[str, str]] = field(default_factory=list)
    given: int = 0

    def __call__(self, request: Request) -> Reply:
        query = dict(request.query)
        action = query["Action"]
        items, token = "", ""
        if action == "DescribeInstances":
            self.seen.append(query)
            found = [one for one in self.ids if self._is_wanted(one, query)]
            begin = int(query.get("NextToken", "0"))
            page = found[begin : begin + PAGE]
            self.given += len(page)
            if begin + PAGE < len(found):
                token = f"<nextToken>{begin + PAGE}</nextToken>"
            one = (
                "<item><instancesSet><item><instanceId>{}</instanceId></item></instancesSet></item>"
            )
            items = f"<reservationSet>{''.join(map(one.format, page))}</reservationSet>{token}"
        namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"
        return in_xml(f'<{action}Response xmlns="{namespace}">{items}</{action}Response>')

    def _is_wanted(self, one: str, query: dict[str, str]) -> bool:
        values = [value for key, value in query.items() if key.startswith("Filter.1.Value.")]
        assert len(values) <= 200  # Amazon's own limit
        if not values:
            return True
        if not self.has_wildcards:
            return one in values
        return any(fnmatch.fnmatchcase(one, value) for value in values)


def instances(count: int) -> list[str]:
    """Return ids in Amazon's form, in no order."""
    digits = (hashlib.sha256(str(number).encode()).hexdigest()[:16] for number in range(count))
    return [f"i-0{one}" for one in digits]


Connect = Callable[..., LibcloudDriver]


@pytest.fixture
def connect(
    make: Callable[..., LibcloudDriver],
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Connect]:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with ExitStack() as stack:

        def _connect(provider: str, answer: Callable[[Request], Reply], **more: Any) -> Any:
            port = stack.enter_context(any_host(answer, authority))
            where = {"proxy": f"http://127.0.0.1:{port}", "ca_file": str(tmp_path / "ca.pem")}
            given = {"key": "k", **more}
            if provider != "digitalocean":
                given["secret"] = "env:TEST_SECRET"
            return make(provider=provider, **where, **given)

        yield _connect


def walk(driver: LibcloudDriver, limit: int) -> Iterator[list[str]]:
    """Yield the pages of the nodes, cut as the core cuts them."""
    marker = None
    while True:
        nodes = driver.page_nodes(limit=limit, marker=marker, deadline=Deadline(60))
        part = [node.id for node in nodes][:limit]
        yield part
        if len(part) < limit:
            return
        marker = part[-1]


def test_amazon_is_asked_for_the_ids_of_a_part(connect: Connect) -> None:
    amazon = Amazon(instances(1000))
    driver = connect("ec2", amazon, region="us-east-1")
    parts = walk(driver, 20)
    whole = next(parts)
    assert len(amazon.seen) == 5  # The first page teaches which ids exist.
    for _ in range(10):
        amazon.seen.clear()
        amazon.given = 0
        whole += next(parts)
        assert len(amazon.seen) == 1
        assert amazon.given < 50
    assert whole == sorted(amazon.ids)[:220]


def test_parts_of_amazons_instances_are_whole_whatever_comes_and_goes(connect: Connect) -> None:
    amazon = Amazon(instances(600))
    driver = connect("ec2", amazon, region="us-east-1")
    driver.list_nodes(deadline=Deadline(60))
    before = sorted(amazon.ids)
    walked: list[str] = []
    for number, part in enumerate(walk(driver, 40)):
        walked += part
        if number == 2:  # before the marker and after it
            amazon.ids = [one for at, one in enumerate(before) if at % 3] + instances(660)[600:]
    staying = [one for at, one in enumerate(before) if at % 3]
    assert walked == sorted(set(walked))
    assert not set(staying) - set(walked)
    assert {one for one in instances(660)[600:] if one > walked[120]} <= set(walked)


def test_a_cloud_like_amazons_that_knows_no_wildcards_is_asked_for_everything(
    connect: Connect,
) -> None:
    amazon = Amazon(instances(300), has_wildcards=False)
    driver = connect("ec2", amazon, region="us-east-1")
    assert [one for part in walk(driver, 60) for one in part] == sorted(amazon.ids)


@pytest.mark.parametrize("strange", ["i-0ABCDEF12", "vm-1", "i-1"])
def test_ids_of_another_form_are_never_hidden(connect: Connect, strange: str) -> None:
    amazon = Amazon([*instances(300), strange])
    driver = connect("ec2", amazon, region="us-east-1")
    assert [one for part in walk(driver, 60) for one in part] == sorted(amazon.ids)


@pytest.mark.parametrize(
    ("low", "high", "first", "last"),
    [
        ("00000000", "ffffffff", "00", "3f"),
        ("0abc0000", "0abc0001", "0abc0000", "0abc0001"),
        ("0ffffffff1", "1000000012", "0ffffffff"[:8], "10000000"),
    ],
)
def test_beginnings_cover_a_range(low: str, high: str, first: str, last: str) -> None:
    beginnings = cover(low, high)
    assert beginnings == sorted(beginnings)
    assert len({len(one) for one in beginnings}) == 1
    assert low.startswith(beginnings[0])
    assert high.startswith(beginnings[-1])
    if len(beginnings[0]) == len(first):
        assert (beginnings[0], beginnings[-1]) == (first, last)


@dataclass
class Azure:
    """Machines on pages of 50, whose power state and interface take a request each."""

    count: int
    seen: Counter[str] = field(default_factory=Counter)

    def __call__(self, request: Request) -> Reply:
        what = request.path.rpartition("/")[2]
        self.seen[what] += 1
        if what == "token":
            return in_json({"access_token": "t", "expires_on": "4102444800"})
        if what == "InstanceView":
            return in_json({"statuses": [{"code": "PowerState/running"}]})
        if what == "virtualMachines":
            begin = int(request.query.get("$skiptoken", "0"))
            value = {
                "value": [self._machine(at) for at in range(begin, min(begin + 50, self.count))]
            }
            if begin + 50 < self.count:
                base = f"https://management.azure.com{request.path}"
                value["nextLink"] = f"{base}?api-version=1&$skiptoken={begin + 50}"  # type: ignore[assignment]
            return in_json(value)
        address = {"properties": {"privateIPAddress": "10.0.0.1", "primary": True}}
        nic = {"id": request.path, "name": what, "location": "l"}
        return in_json({**nic, "properties": {"ipConfigurations": [address]}})

    def ids(self) -> list[str]:
        return sorted(self._machine(at)["id"] for at in range(self.count))

    @staticmethod
    def _machine(at: int) -> dict[str, Any]:
        base = "/subscriptions/s/resourceGroups/g/providers/Microsoft."
        name = f"vm-{at * 7919 % 1000}"
        nic = {"id": f"{base}Network/networkInterfaces/nic"}
        profile = {"networkProfile": {"networkInterfaces": [nic]}}
        return {
            "id": f"{base}Compute/virtualMachines/{name}",
            "name": name,
            "location": "l",
            "properties": profile,
        }


def test_azure_is_asked_about_the_machines_of_a_part_alone(connect: Connect) -> None:
    azure = Azure(120)
    more = {"arguments": {"tenant_id": "t", "subscription_id": "s"}}
    driver = connect("azure_arm", azure, **more)
    parts = walk(driver, 10)
    walked = next(parts)
    azure.seen.clear()
    walked += next(parts)
    assert azure.seen["virtualMachines"] == 3
    assert azure.seen["InstanceView"] == 10
    assert azure.seen["nic"] == 10
    walked += [one for part in parts for one in part]
    assert walked == azure.ids()


@dataclass
class Upcloud:
    """Servers whose details take a request each."""

    count: int
    details: int = 0

    def __call__(self, request: Request) -> Reply:
        what = request.path.removeprefix("/1.2/server").strip("/")
        if not what:
            servers = [{"uuid": f"n-{at:03}"} for at in reversed(range(self.count))]
            return in_json({"servers": {"server": servers}})
        self.details += 1
        shown = {
            "uuid": what,
            "title": what,
            "state": "started",
            "ip_addresses": {"ip_address": []},
        }
        return in_json({"server": {**shown, "storage_devices": {"storage_device": []}}})


def test_upcloud_is_asked_about_the_servers_of_a_part_alone(connect: Connect) -> None:
    upcloud = Upcloud(25)
    driver = connect("upcloud", upcloud)
    parts = walk(driver, 10)
    assert next(parts) == [f"n-{at:03}" for at in range(10)]
    assert upcloud.details == 10
    assert [one for part in parts for one in part] == [f"n-{at:03}" for at in range(10, 25)]


def test_a_provider_that_cannot_begin_after_an_id_says_why(connect: Connect) -> None:
    driver = connect("digitalocean", lambda _: Reply(json.dumps({}).encode()))
    with pytest.raises(Unsupported, match="pages are numbered"):
        driver.page_nodes(limit=10, marker=None, deadline=Deadline(5))
