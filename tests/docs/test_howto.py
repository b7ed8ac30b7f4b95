"""The how-to's examples: each does what the page says."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import orchestrator_core
from orchestrator_core import (
    CloudError,
    CloudTimeout,
    CloudUnreachable,
    Conflict,
    CredentialsRefused,
    Deadline,
    Image,
    InvalidAnswer,
    Node,
    NodeNotFound,
    QuotaExceeded,
    RateLimited,
    RootDisk,
    Size,
    StartRequest,
)
from orchestrator_core.api.errors import STATUSES
from orchestrator_core.hookspecs import CloudHooks
from orchestrator_core.plugins import start_fields
from orchestrator_core.settings.load import load_section, load_settings
from orchestrator_core.start_request import START_FIELDS
from orchestrator_core.testing import Stage
from tests import loopback
from tests.docs.blocks import PAGES, block

HOWTO = PAGES["howto"].read_text(encoding="utf-8")
CONTEXT: Any = SimpleNamespace(name="sky")


def shown(containing: str) -> Any:
    return block("howto", "python", containing).run()


def driver(containing: str, **settings: Any) -> Any:
    return shown(containing).NimbusDriver(CONTEXT, settings)


# --- settings -----------------------------------------------------------------------------


def test_right_settings_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIMBUS_TOKEN", "hunter2")
    config = tmp_path / "orchestrator.toml"
    config.write_text(block("howto", "toml", "var/nimbus.json").text)
    settings = load_settings(config, {})
    module = shown("class NimbusSettings")
    path = ("clouds", "sky")
    own = load_section(module.NimbusSettings(), settings.clouds["sky"].plugin, settings, path, ())
    assert own["state_file"] == tmp_path / "var" / "nimbus.json"
    assert (own["page_size"], own["ca_file"]) == (100, None)
    assert (str(own["token"]), own["token"].reveal()) == ("env:NIMBUS_TOKEN", "hunter2")
    module.NimbusDriver(CONTEXT, own)


# --- threads and deadlines ----------------------------------------------------------------


def test_each_thread_has_a_client_of_its_own() -> None:
    nimbus = driver("threading.local()")
    meet = threading.Barrier(2)

    def clients() -> tuple[int, int]:
        meet.wait(5)
        first, second = nimbus._client(), nimbus._client()
        meet.wait(5)
        return id(first), id(second)

    with ThreadPoolExecutor(2) as threads:
        one, other = [future.result() for future in [threads.submit(clients) for _ in "ab"]]
    assert one[0] == one[1]
    assert other[0] == other[1]
    assert one[0] != other[0]


def test_a_call_that_hangs_ends_when_it_is_aborted(silent_port: int) -> None:
    nimbus = driver("def abort", host=f"127.0.0.1:{silent_port}")
    deadline = Deadline(60)
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(nimbus.list_nodes, deadline)
        while not (nimbus._in_flight and nimbus._in_flight[deadline].sock):
            time.sleep(0.01)
        time.sleep(0.1)  # until it reads; the system accepts what is sent before
        nimbus.abort(deadline)
        with pytest.raises(CloudUnreachable):
            hanging.result(5)
    assert nimbus._in_flight == {}
    nimbus.abort(deadline)  # It may arrive after the end.


def test_a_call_goes_by_what_is_left(silent_port: int, closed_port: int) -> None:
    nimbus = driver("def abort", host=f"127.0.0.1:{silent_port}")
    begun = time.monotonic()
    with pytest.raises(CloudUnreachable):
        nimbus.list_nodes(Deadline(0.2))
    assert time.monotonic() - begun < 5
    with pytest.raises(CloudTimeout):
        nimbus.list_nodes(Deadline(0))
    with pytest.raises(CloudUnreachable):
        driver("def abort", host=f"127.0.0.1:{closed_port}").list_nodes(Deadline(5))


# --- errors and capabilities --------------------------------------------------------------


def test_the_errors_are_answered_as_the_table_says() -> None:
    rows = re.findall(r"^\| [^|]+ \| (`[^|]+) \| (\d{3})\b[^|]* \|$", HOWTO, flags=re.MULTILINE)
    assert len(rows) == 13
    told = set()
    for raised, status in rows:
        for name in re.findall(r"`([A-Z]\w+)", raised):
            kind = getattr(orchestrator_core, name)
            assert next(STATUSES[one] for one in kind.__mro__ if one in STATUSES) == int(status)
            told.add(name)
    public = {name for name in orchestrator_core.__all__ if _is_error(name)}
    bases = {"OrchestratorError", "RequestError", "NotFound"}
    the_cores = {"CloudUnavailable", "CloudBusy", "CircuitOpen", "PluginError"}
    own_sections = {"Unsupported", "StateUnavailable"}
    assert public - told - bases - the_cores == own_sections


def _is_error(name: str) -> bool:
    thing = getattr(orchestrator_core, name)
    return isinstance(thing, type) and issubclass(thing, Exception)


@pytest.mark.parametrize(
    ("status", "code", "kind", "transient", "safe"),
    [
        (401, "", CredentialsRefused, False, False),
        (404, "no_such_node", NodeNotFound, None, None),
        (404, "", InvalidAnswer, False, False),
        (409, "", Conflict, None, None),
        (429, "", RateLimited, True, True),
        (400, "quota", QuotaExceeded, None, None),
        (503, "", CloudError, True, False),
        (400, "", InvalidAnswer, False, False),
        (302, "", InvalidAnswer, False, False),
    ],
)
def test_answers_are_told_apart(
    status: int, code: str, kind: type, *, transient: bool | None, safe: bool | None
) -> None:
    error = shown("def error_of").error_of(status, code, node_id="7", retry_after=3)
    assert type(error) is kind
    assert getattr(error, "transient", None) is transient
    assert getattr(error, "repeat_is_safe", None) is safe


def test_start_fields_are_what_the_kit_and_the_core_take() -> None:
    sent: list[dict[str, Any]] = []
    client = SimpleNamespace(
        create=sent.append,
        keys=lambda: [{"id": "k-1", "name": "laptop"}],
        networks=lambda: [{"id": "net-0000000a", "name": "lan", "cidr": "10.0.0.0/24"}],
    )
    nimbus = driver("def start_fields", client=client)
    assert start_fields.fault(nimbus.start_fields()) is None
    assert [one.name for one in (*nimbus.list_keypairs(), *nimbus.list_networks())] == [
        "laptop",
        "lan",
    ]
    image, size = Image("1", "i"), Size("1", "s")
    nimbus.start_vm(StartRequest("plain", image, size))
    nimbus.start_vm(
        StartRequest(
            "full",
            image,
            size,
            keyname="laptop",
            ssh_keys=["ssh-ed25519 A"],
            user_data="#!/bin/sh",
            networks=["net-0000000a"],
            root_disk=RootDisk(size=40),
        )
    )
    assert sent == [
        {"name": "plain", "image": "1", "size": "1"},
        {
            "name": "full",
            "image": "1",
            "size": "1",
            "key": "laptop",
            "public_key": "ssh-ed25519 A",
            "user_data": "#!/bin/sh",
            "network": "net-0000000a",
            "disk_gb": 40,
        },
    ]


def test_a_fake_tells_what_it_has_received() -> None:
    fake = shown("def started(node)").fake
    assert fake.started({"id": "n-1"}) == {"keyname": "laptop", "root_disk": {"size": 40}}
    assert fake.start_values.keys() <= set(START_FIELDS)


def test_what_a_region_cannot_do_has_a_reason() -> None:
    assert driver("def unsupported", region="north").unsupported() == {}
    reasons = driver("def unsupported", region="south").unsupported()
    assert set(reasons) == {"power_off_vm", "power_on_vm"} <= set(vars(CloudHooks))


# --- markers and lists --------------------------------------------------------------------


class Nimbus:
    """An SDK as the page assumes it."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []

    def create(self, name: str, _image: str, _size: str, tags: dict[str, str]) -> dict[str, Any]:
        made = {"id": str(len(self.made)), "name": name, "up": False, "tags": {"a": "b", **tags}}
        self.made.append(made)
        return {**made, "password": "hunter2"}

    def nodes(self, tag: tuple[str, str] | None = None) -> list[dict[str, Any]]:
        return [one for one in self.made if tag is None or tag in one["tags"].items()]


def test_a_start_is_found_by_its_marker() -> None:
    nimbus = driver("def find_node", client=Nimbus())
    request = StartRequest("web", Image("1", "x"), Size("1", "x"), marker="m-1")
    started = nimbus.start_vm(request)
    assert started.secrets == {"password": "hunter2"}
    nimbus.start_vm(StartRequest("other", request.image, request.size))
    for found in (nimbus.find_node("m-1"), nimbus.list_nodes()[0], started):
        assert (found.id, found.marker, found.extra) == ("0", "m-1", {"tags": {"a": "b"}})
    assert [node.marker for node in nimbus.list_nodes()] == ["m-1", None]
    with pytest.raises(NodeNotFound):
        nimbus.find_node("m-2")


def paged(after_page: Callable[[Any], dict[str, Any]]) -> list[Node]:
    client = SimpleNamespace(page_of_nodes=after_page)
    found: list[Node] = driver("page_of_nodes", client=client).list_nodes(Deadline(5))
    return found


def page(number: str, following: str | None) -> dict[str, Any]:
    return {"nodes": [{"id": number, "name": f"node-{number}"}], "next": following}


def test_a_list_is_whole_or_an_error() -> None:
    pages: dict[str | None, dict[str, Any]] = {None: page("1", "b"), "b": page("2", "c")}
    with pytest.raises(KeyError):
        paged(lambda after: pages[after])
    pages["c"] = page("3", None)
    assert [node.id for node in paged(lambda after: pages[after])] == ["1", "2", "3"]
    pages["c"] = page("3", "b")
    with pytest.raises(InvalidAnswer):
        paged(lambda after: pages[after])


# --- extensions, backends, fakes ----------------------------------------------------------


def test_an_ambiguous_hostname_is_refused() -> None:
    nodes = [Node("1", "dummy-1"), Node("2", "dummy-1")]
    inventory = SimpleNamespace(ledger=lambda _: {}, list_nodes=lambda *_: nodes)
    settings = {"prefix": "dummy-", "applications": []}
    context = SimpleNamespace(inventory=inventory)
    lab = shown("class LabBackend").LabBackend(context, settings)
    with pytest.raises(orchestrator_core.InvalidParameter, match="fits several nodes: 1, 2"):
        lab.resolve_vm("sky", None, "dummy-1", Deadline(5))


def test_the_fake_answers_requests(tmp_path: Path) -> None:
    with shown("def fake(stage)").fake(Stage(tmp_path)) as fake:
        assert loopback.get(f"http://{fake.settings['host']}/nodes").json() == []
        kind, _, file = fake.settings["token"].partition(":")
        assert (kind, Path(file).read_text()) == ("file", "made-up")
        assert fake.unreachable.keys() == fake.settings.keys()


def test_an_id_in_a_url_is_escaped() -> None:
    address = shown("def node_url").node_url
    assert address("https://x", "b1?x") == "https://x/nodes/b1%3Fx"
    assert address("https://x", "../b1") == "https://x/nodes/..%2Fb1"
    with pytest.raises(NodeNotFound):
        address("https://x", "..")


def test_hints_are_named() -> None:
    assert shown('hints = ("zone",)').NimbusDriver.hints == ("zone",)
