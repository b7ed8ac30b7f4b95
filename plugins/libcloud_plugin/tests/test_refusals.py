"""Refusals of providers, through Libcloud's own connections and parsers, on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import json_clouds
import pytest
import trustme
from any_host import Reply, Request, any_host
from libcloud.common.types import InvalidCredsError
from paged_clouds import Cloud
from paged_clouds import answering as listing
from refusals import CASES, Case

from orchestrator_core import Conflict, Deadline, OrchestratorError
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.errors.errors import Source, translate, translated
from orchestrator_libcloud.http.error_answer import ErrorAnswer
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.providers import taken

KEY, SECRET = "f3a1-key-of-the-settings", "Pa55w0rd+of/the=settings&more"
ACTION = "/refused"

ARGUMENTS: dict[str, dict[str, Any]] = {
    "abiquo": {"endpoint": "https://abiquo.invalid/api"},
    "azure_arm": {"tenant_id": "t", "subscription_id": "s"},
    "cloudstack": {"path": "/client/api"},
    "gce": {"project": "mine", "auth_type": "IA"},
    "ovh": {"ex_project_id": "p", "ex_consumer_key": "c"},
    "openstack": {"ex_tenant_name": "t", "ex_domain_name": "Default"},
}
REGIONS = {"outscale": "eu-west-2", "azure_arm": "eastus", "openstack": "RegionOne"}
DIRECT = frozenset({"ec2", "openstack", "cloudstack", "exoscale", "ikoula", "ktucloud", "kubevirt"})
READ_ONLY = frozenset({"abiquo", "azure", "brightbox", "vcloud", "vpsnet"})
"""Providers whose drivers need more than an answer to log in; only their errors are parsed."""


class Upstream:
    """One provider on loopback, and our driver for it.

    Args:
        provider: of Libcloud.
        driver: our driver for it.
        case: the current refusal.
    """

    def __init__(self, provider: str, driver: LibcloudDriver, case: list[Case]) -> None:
        self.provider = provider
        self.driver = driver
        self.case = case

    def refuse(self, case: Case) -> OrchestratorError:
        """Make the provider refuse a request; return our error for it."""
        self.case[:] = [case]
        exchange = Exchange()
        exchange.prepare_change()
        source = Source(self.driver._sessions.redact, starts=not case.reads)
        with pytest.raises(OrchestratorError) as caught, translated("aws", exchange, source):
            self._ask(exchange)
        return caught.value

    def _ask(self, exchange: Exchange) -> None:
        with self.driver._sessions.driver(Deadline(20), exchange) as inner:
            exchange.begin_change()
            ask(self.provider, inner)


@pytest.fixture(scope="module")
def upstream(
    make: Callable[..., LibcloudDriver], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Upstream]]:
    """Return a function that gives each provider's upstream, one for all tests."""
    folder = tmp_path_factory.mktemp("upstream")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    token = {"access_token": "t", "expire_time": "2099-01-01T00:00:00Z"}
    (folder / "token").write_text(json.dumps(token))
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_KEY", KEY)
        patch.setenv("TEST_SECRET", SECRET)

        @cache
        def _upstream(provider: str) -> Upstream:
            case: list[Case] = []
            ports: list[int] = []
            ports.append(stack.enter_context(any_host(answering(case, ports), authority)))
            settings = settings_of(provider, ports[0], folder)
            return Upstream(provider, make(**settings), case)

        yield _upstream


def settings_of(provider: str, port: int, folder: Path) -> dict[str, Any]:
    arguments = dict(ARGUMENTS.get(provider, {}))
    settings: dict[str, Any] = {"provider": provider, "key": "env:TEST_KEY", "arguments": arguments}
    settings |= {"secret": "env:TEST_SECRET"} if "secret" in taken(provider) else {}
    settings |= {"region": REGIONS[provider]} if provider in REGIONS else {}
    if provider == "openstack":
        arguments["ex_force_auth_url"] = f"http://127.0.0.1:{port}"
        arguments["ex_force_auth_version"] = "3.x_password"
    elif provider in DIRECT:
        settings |= {"host": "127.0.0.1", "port": port, "secure": False}
    else:
        settings |= {"proxy": f"http://127.0.0.1:{port}", "ca_file": str(folder / "ca.pem")}
    if provider == "gce":
        arguments["credential_file"] = str(folder / "token")
    return settings


def ask(provider: str, inner: Any) -> None:
    """Send the request that is refused, as the driver itself would."""
    if provider in ("cloudstack", "exoscale", "ikoula", "ktucloud"):
        inner._sync_request("deployVirtualMachine", params={"refused": "yes"})
    elif provider == "outscale":
        inner.list_nodes()  # The driver has no other method for a single request.
    elif provider == "ec2":
        inner.connection.request("/", params={"Action": "RunInstances", "refused": "yes"})
    else:
        inner.connection.request(ACTION, method="POST")


def answering(cases: list[Case], ports: list[int]) -> Callable[[Request], Reply]:
    """Refuse the test's request, accept every login, and return 404 for the rest."""

    def answer(request: Request) -> Reply:
        if request.path.endswith((ACTION, "/ReadVms")) or "refused" in request.query:
            (case,) = cases
            is_xml = case.raw.startswith(b"<")
            kind = "html" if b"<html" in case.raw else "xml" if is_xml else "json"
            return Reply(case.raw, case.status, (("Content-Type", f"application/{kind}"),))
        if request.path.endswith("/auth/tokens"):
            return json_clouds.keystone_and_co(lambda: ports[0])(Cloud("whole"), request)
        if request.path.endswith("/auth/time"):
            return Reply(b"1700000000", 200, (("Content-Type", "application/json"),))
        login = {"access_token": "t", "expires_on": "4102444800", "expires_in": 3600}
        return Reply(json.dumps(login).encode(), 200, (("Content-Type", "application/json"),))

    return answer


@pytest.mark.filterwarnings("ignore:Kubernetes has its own CA")
@pytest.mark.parametrize("case", [one for one in CASES if one.provider not in READ_ONLY], ids=str)
def test_a_refusal_is_told_as_what_it_is(upstream: Callable[[str], Upstream], case: Case) -> None:
    check(case, upstream(case.provider).refuse(case))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_answer_decides_and_not_the_drivers_exception(case: Case) -> None:
    if case.status < 400 or b"<html" in case.raw:
        pytest.skip("no error answer of a provider")
    for raised in (KeyError("x"), InvalidCredsError(), Exception("Unexpected")):
        check(case, translate(raised, "aws", None, trail_of(case), Source(starts=not case.reads)))


class Fault(Exception):
    """A stand-in for exceptions of other libraries."""


def fault(name: str, *arguments: Any, **attributes: Any) -> Exception:
    made: Exception = type(name, (Fault,), attributes)(*arguments)
    return made


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            fault("vim.fault.ToolsUnavailable", msg="VMware Tools is not running in this VM."),
            "conflict",
            "VMware Tools is not running in this VM. (ToolsUnavailable)",
        ),
        (fault("vim.fault.InvalidPowerState", msg="Powered off"), "conflict", "Powered off"),
        (fault("vim.fault.NoPermission", msg="Denied"), "credentials_refused", "(NoPermission)"),
        (fault("vim.fault.DuplicateName", msg="web exists"), "conflict", "web exists"),
        (fault("vim.fault.InsufficientResourcesFault", msg="No"), "quota_exceeded", "no capacity"),
        (fault("GandiException", 510042, "Not enough credits"), "quota_exceeded", "(510042)"),
        (
            fault("F", faultCode=7, faultString="Quota is exceeded"),
            "quota_exceeded",
            "exceeded (7)",
        ),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else None,
)
def test_faults_of_other_libraries(error: Exception, code: str, message: str) -> None:
    found = translate(error, "vc")
    assert found.code == code
    assert message in found.message


def test_libvirts_own_words_are_told() -> None:
    words = {
        "get_error_code": lambda _: 55,
        "get_error_message": lambda _: "Requested operation is not valid: domain is not running",
    }
    error = type("libvirtError", (Fault,), {"__module__": "libvirt", **words})()
    found = translate(error, "lab")
    assert found.code == "conflict"
    assert found.message.endswith("domain is not running (libvirt 55)")


def test_a_deletion_that_outscale_refuses_is_no_success(
    make: Callable[..., LibcloudDriver], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setenv("TEST_SECRET", SECRET)
    lists = listing(Cloud("whole"), json_clouds.outscale)

    def answer(request: Request) -> Reply:
        if not request.path.endswith("/DeleteVms"):
            return lists(request)
        error = {"Code": "6004", "Type": "InvalidState", "Details": "The VM is protected."}
        return Reply(json.dumps({"Errors": [error]}).encode(), 409)

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with any_host(answer, authority) as port:
        driver = make(**settings_of("outscale", port, tmp_path))
        with pytest.raises(Conflict, match=r"The VM is protected. \(InvalidState\)"):
            driver.stop_vm(node_id="id-1", deadline=Deadline(20))


def trail_of(case: Case) -> Exchange:
    exchange = Exchange()
    exchange.prepare_change()
    exchange.begin_change()
    exchange.begin_request()
    exchange.sent()
    exchange.answered(case.status, {})
    exchange.error = ErrorAnswer.of("POST", "/x", case.status, case.raw)
    return exchange


def check(case: Case, error: OrchestratorError) -> None:
    assert (error.code, getattr(error, "field", None)) == (case.code, case.field), error.message
    for part in case.parts:
        assert part in error.message
