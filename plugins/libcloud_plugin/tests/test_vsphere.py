"""vSphere through pyVmomi: our limits, and its own faults."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from vsphere_server import UUID, Vsphere, serving

from orchestrator_core import (
    CloudTimeout,
    CloudUnreachable,
    Conflict,
    CredentialsRefused,
    Deadline,
    InvalidAnswer,
    NodeNotFound,
    NodeState,
    OrchestratorError,
    PluginError,
    QuotaExceeded,
    Unsupported,
    redact,
)
from orchestrator_libcloud import LibcloudDriver

pytest.importorskip("pyVmomi")

Make = Callable[..., LibcloudDriver]
Start = Callable[..., tuple[LibcloudDriver, Vsphere]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def start(
    make: Make, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with ExitStack() as stack:

        def _start(
            host: str = "localhost", *, trusted: bool = True, shown: str = "", **settings: Any
        ) -> tuple[LibcloudDriver, Vsphere]:
            cloud = Vsphere()
            port = stack.enter_context(serving(cloud, authority, shown or host))
            settings |= {"ca_file": str(tmp_path / "ca.pem")} if trusted else {}
            given = {"secret": "env:TEST_SECRET", "host": host, "port": port, **settings}
            return make(provider="vsphere", key="u", **given), cloud

        yield _start


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_an_untrusted_server_is_sent_nothing(start: Start, deadline: Deadline, host: str) -> None:
    driver, cloud = start(host, trusted=False)
    with pytest.raises(CloudUnreachable, match="is its certificate trusted"):
        driver.check(deadline=deadline)
    assert cloud.seen == []


def test_a_certificate_for_another_name_is_not_trusted(start: Start, deadline: Deadline) -> None:
    driver, cloud = start("localhost", shown="vc.example.org")
    with pytest.raises(CloudUnreachable, match="is its certificate trusted"):
        driver.check(deadline=deadline)
    assert cloud.seen == []


def test_verification_is_off_only_where_the_settings_say_so(
    start: Start, deadline: Deadline, caplog: pytest.LogCaptureFixture
) -> None:
    driver, cloud = start(trusted=False, verify_tls=False)
    (node,) = driver.list_nodes(deadline=deadline)
    assert (node.id, node.name, node.state) == (UUID, "web", NodeState.RUNNING)
    assert "Login" in cloud.seen
    assert "verify_tls is false" in caplog.text
    assert "s3cret" not in caplog.text


def test_its_session_is_known_to_the_core(start: Start, deadline: Deadline) -> None:
    driver, cloud = start()
    cloud.cookie, cloud.key = secrets.token_hex(20), secrets.token_hex(16)
    driver.list_nodes(deadline=deadline)
    assert redact(f"{cloud.cookie} and {cloud.key}") == "*** and ***"
    cloud.cookie = secrets.token_hex(20)  # A server may renew it at any time.
    driver.list_nodes(deadline=deadline)
    assert redact(cloud.cookie) == "***"


def test_a_trusted_server_is_used(start: Start, deadline: Deadline) -> None:
    driver, cloud = start()
    assert [n.id for n in driver.list_nodes(deadline=deadline)] == [UUID]
    assert [n.id for n in driver.list_nodes(deadline=deadline)] == [UUID]
    assert cloud.seen.count("Login") == 1


def test_the_proxy_of_the_settings_is_used(start: Start, deadline: Deadline) -> None:
    driver, cloud = start(proxy="http://127.0.0.1:1")
    with pytest.raises(CloudUnreachable):
        driver.check(deadline=deadline)
    assert cloud.seen == []
    driver, _ = start(proxy="http://u:p@127.0.0.1:1")
    with pytest.raises(PluginError, match="proxy without a login"):
        driver.check(deadline=deadline)


def test_a_wrong_password(start: Start, deadline: Deadline) -> None:
    driver, cloud = start()
    cloud.password = "another"
    with pytest.raises(CredentialsRefused, match="refused the credentials"):
        driver.check(deadline=deadline)


def test_a_server_that_does_not_answer_is_left_at_the_deadline(start: Start) -> None:
    driver, cloud = start()
    driver.check(deadline=Deadline(10))
    cloud.delay = 20
    begun = time.monotonic()
    with pytest.raises(CloudTimeout):
        driver.list_nodes(deadline=Deadline(0.5))
    assert time.monotonic() - begun < 10
    cloud.delay = 0
    assert len(driver.list_nodes(deadline=Deadline(10))) == 1


@pytest.mark.parametrize("packing", ["", "gzip", "deflate"])
def test_an_answer_is_read_up_to_its_limit(start: Start, deadline: Deadline, packing: str) -> None:
    driver, cloud = start(max_answer=1)
    cloud.packing, cloud.padding = packing, 2**19
    assert [node.id for node in driver.list_nodes(deadline=deadline)] == [UUID]
    cloud.padding = 2**24
    with pytest.raises(InvalidAnswer, match="more than 1 MiB, the limit set by max_answer"):
        driver.list_nodes(deadline=deadline)
    cloud.padding = 0
    assert [node.id for node in driver.list_nodes(deadline=deadline)] == [UUID]


def test_what_is_no_vsphere_server(
    start: Start, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, _ = start()
    monkeypatch.setattr("orchestrator_libcloud.vsphere.connections._VERSIONS", "/elsewhere")
    with pytest.raises(CloudUnreachable, match="no vSphere server"):
        driver.check(deadline=deadline)


def test_a_reboot(start: Start, deadline: Deadline) -> None:
    driver, cloud = start()
    driver.reboot_vm(node_id=UUID, deadline=deadline)
    assert "RebootGuest" in cloud.seen
    cloud.tools = False
    with pytest.raises(Conflict, match="VMware Tools are not running in it"):
        driver.reboot_vm(node_id=UUID, deadline=deadline)


def test_power_and_a_stop(start: Start, deadline: Deadline) -> None:
    driver, cloud = start()
    driver.power_off_vm(node_id=UUID, deadline=deadline)
    assert driver.get_node(node_id=UUID, deadline=deadline).state is NodeState.STOPPED
    driver.power_on_vm(node_id=UUID, deadline=deadline)
    assert cloud.power == "poweredOn"
    driver.stop_vm(node_id=UUID, deadline=deadline)
    assert (cloud.power, cloud.exists) == ("poweredOff", False)
    with pytest.raises(NodeNotFound):
        driver.stop_vm(node_id=UUID, deadline=deadline)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("InvalidPowerState", Conflict),
        ("TaskInProgress", Conflict),
        ("NoPermission", CredentialsRefused),
        ("InsufficientResourcesFault", QuotaExceeded),
        ("RestrictedVersion", Unsupported),
    ],
)
def test_a_task_that_fails_says_why(
    start: Start, deadline: Deadline, fault: str, error: type[OrchestratorError]
) -> None:
    driver, cloud = start()
    cloud.fault = fault
    for act in (driver.power_off_vm, driver.stop_vm):
        with pytest.raises(error):
            act(node_id=UUID, deadline=deadline)
    assert cloud.exists
