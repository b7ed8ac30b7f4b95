"""Answers that prove that a VM is gone: the table, and real drivers against answers that do not."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from any_host import Reply, Request, any_host
from libcloud.compute import drivers
from libcloud.compute.providers import DRIVERS

from orchestrator_core import (
    CloudError,
    Deadline,
    ImageFilter,
    NodeState,
    NotFound,
    OrchestratorError,
    Unsupported,
)
from orchestrator_libcloud import LibcloudDriver, providers
from orchestrator_libcloud.errors.gone import GONE, Gone, gone_of, is_named, names_image
from orchestrator_libcloud.http.error_answer import ErrorAnswer
from orchestrator_libcloud.nodes.states import state_of

_README = Path(__file__).parent.parent / "README.md"
_PREFIX = "libcloud.compute.drivers."


def test_the_table_names_only_modules_that_are_there() -> None:
    assert {module.name for module in pkgutil.iter_modules(drivers.__path__)} >= GONE.keys()


@pytest.mark.parametrize("provider", providers.names())
def test_every_provider_has_its_line(provider: str) -> None:
    assert _module(provider) in GONE


def test_the_readme_has_the_table() -> None:
    assert table() in _README.read_text(), f"the README should have:\n{table()}"


def table() -> str:
    """Return the table of the README."""
    lines = [
        "| provider | error that means gone | any other answer |",
        "| --- | --- | --- |",
    ]
    for gone, names in _grouped():
        lines.append(f"| {', '.join(names)} | {gone.words or 'none'} | {gone.otherwise} |")
    return "\n".join(lines) + "\n"


def _grouped() -> list[tuple[Gone, list[str]]]:
    found: dict[int, tuple[Gone, list[str]]] = {}
    for provider in providers.names():
        gone = GONE[_module(provider)]
        found.setdefault(id(gone), (gone, []))[1].append(provider)
    return list(found.values())


def _module(provider: str) -> str:
    path: str = {str(name): path for name, (path, _) in DRIVERS.items()}[provider]
    return path.removeprefix(_PREFIX)


# --- errors that name a VM -----------------------------------------------------------------

_ID = "8a1f6c2e-7d3b-4b5e-9c3a-2f1d0e9b8c7a"
_OTHER = "8a1f6c2e-7d3b-4b5e-9c3a-2f1d0e9b8c7b"


def _xml_error(code: str, text: str) -> str:
    error = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    return f"<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>"


def _mcp(code: str, text: str) -> str:
    fields = f"<responseCode>{code}</responseCode><message>{text}</message>"
    return f'<response xmlns="urn:didata.com:api:cloud:types">{fields}</response>'


def _of(value: Any) -> str:
    return json.dumps(value)


OWN: dict[str, tuple[int, Callable[[str], str]]] = {
    "openstack": (
        404,
        lambda it: _of({"itemNotFound": {"code": 404, "message": f"Instance {it} not found."}}),
    ),
    "ec2": (
        400,
        lambda it: _xml_error("InvalidInstanceID.NotFound", f"The ID '{it}' does not exist"),
    ),
    "gce": (
        404,
        lambda it: _of(
            {
                "error": {
                    "code": 404,
                    "message": f"The resource 'projects/p/zones/z/instances/{it}' was not found",
                }
            }
        ),
    ),
    "azure_arm": (
        404,
        lambda it: _of(
            {
                "error": {
                    "code": "ResourceNotFound",
                    "message": f"The Resource 'Microsoft.Compute/virtualMachines/{it}' under "
                    "resource group 'g' was not found.",
                }
            }
        ),
    ),
    "cloudstack": (
        431,
        lambda it: _of(
            {
                "destroyvirtualmachineresponse": {
                    "errorcode": 431,
                    "errortext": f"Invalid parameter id value={it} due to incorrect long value "
                    "format, or entity does not exist",
                }
            }
        ),
    ),
    "dimensiondata": (400, lambda it: _mcp("RESOURCE_NOT_FOUND", f"Server {it} not found.")),
    "nttcis": (400, lambda it: _mcp("RESOURCE_NOT_FOUND", f"Server with id {it} not found.")),
    "kubevirt": (
        404,
        lambda it: _of(
            {
                "kind": "Status",
                "reason": "NotFound",
                "code": 404,
                "details": {"name": it, "group": "kubevirt.io", "kind": "virtualmachines"},
            }
        ),
    ),
    "outscale": (
        400,
        lambda it: _of({"Errors": [{"Code": "5063", "Details": f"The VM '{it}' doesn't exist."}]}),
    ),
    "scaleway": (
        404,
        lambda it: _of({"type": "unknown_resource", "message": f'"{it}" not found'}),
    ),
    "upcloud": (
        404,
        lambda it: _of(
            {
                "error": {
                    "error_code": "SERVER_NOT_FOUND",
                    "error_message": f"The server {it} does not exist.",
                }
            }
        ),
    ),
    "brightbox": (
        404,
        lambda it: _of(
            {"error_name": "missing_resource", "errors": [f"Resource with id {it} not found"]}
        ),
    ),
    "cloudsigma": (
        404,
        lambda it: _of(
            [{"error_type": "notexist", "error_message": f"Object with uuid {it} does not exist"}]
        ),
    ),
}

NAMELESS = [
    "",
    "not found",
    "<html><body><h1>404 Not Found</h1></body></html>",
    _of({"message": "The requested resource could not be found."}),
    _of({"itemNotFound": {"code": 404, "message": "The resource could not be found."}}),
    _of({"itemNotFound": "gone"}),
    _of({"id": "not_found", "message": "The resource you were accessing could not be found."}),
    _of({"error": {"code": 404, "message": "The resource 'projects/p' was not found"}}),
    _of({"error": {"code": "SubscriptionNotFound", "message": "The subscription was not found."}}),
    _of({"kind": "Status", "reason": "NotFound", "code": 404, "details": {}}),
    _of([1, None, {"Errors": None}]),
    _xml_error("InvalidInstanceID.NotFound", "The instance does not exist"),
    _xml_error("InvalidVpcID.NotFound", f"The vpc of {_ID} does not exist"),
]


def _answer(status: int, body: str) -> ErrorAnswer:
    return ErrorAnswer.of("GET", "/", status, body.encode())


def _names(module: str, status: int, body: str, wanted: str = _ID) -> bool:
    return gone_of([_PREFIX + module]).is_answer(_answer(status, body), frozenset({wanted}))


@pytest.mark.parametrize("module", OWN)
def test_the_providers_own_error_counts_for_the_vm_that_it_names(module: str) -> None:
    status, body = OWN[module]
    assert _names(module, status, body(_ID))
    assert not _names(module, status, body(_OTHER))
    assert not _names(module, status, body(_ID + "0"))


def test_each_provider_with_an_error_of_its_own_is_shown_here() -> None:
    own = {id(gone) for gone in GONE.values() if gone.words and gone is not GONE["libvirt_driver"]}
    assert {id(GONE[module]) for module in OWN} == own


@pytest.mark.parametrize("module", GONE)
def test_what_names_no_vm_is_not_believed(module: str) -> None:
    """One test for each module: as 1,700 tests they took ten times as long."""
    answers = product([400, 404, 410], NAMELESS)
    assert [(status, body) for status, body in answers if _names(module, status, body)] == []


@pytest.mark.parametrize(
    ("text", "named"),
    [("i-12 is gone", True), ("'i-12'", True), ("i-123", False), ("my-i-12", False), (None, False)],
)
def test_a_name_is_a_whole_word(text: str | None, *, named: bool) -> None:
    assert is_named(text, frozenset({"i-12"})) is named


def test_an_image_is_missing_where_it_is_named() -> None:
    glance = "<html><h1>404 Not Found</h1>No image found with ID img-1<br/></html>"
    assert names_image(_answer(404, glance), "img-1")
    assert not names_image(_answer(404, glance), "img-2")
    assert not names_image(_answer(404, "<html><h1>404 Not Found</h1></html>"), "img-1")


# --- every driver against a cloud that answers everything with one error -------------------

_MORE: dict[str, dict[str, Any]] = {
    "abiquo": {"endpoint": "https://abiquo.invalid/api"},
    "azure_arm": {"tenant_id": "t", "subscription_id": "s"},
    "cloudstack": {"path": "/client/api"},
    "gig_g8": {"api_url": "https://gig.invalid"},
    "gce": {"project": "p", "auth_type": "IA"},
    "ovh": {"ex_project_id": "p", "ex_consumer_key": "c"},
}
_REGIONS = {"outscale": "eu-west-2", "azure_arm": "eastus", "ecs": "cn-qingdao", "ovh": "eu"}
_OWN_NETWORK = frozenset({"azure", "dummy", "libvirt", "vcl", "vsphere", "rackspace_first_gen"})
"""Drivers that use other libraries, list nothing or need a login without HTTP."""

LOST = {
    "JSON": Reply(b'{"message": "Not Found"}', 404, (("Content-Type", "application/json"),)),
    "HTML": Reply(b"<html><h1>404 Not Found</h1></html>", 404, (("Content-Type", "text/html"),)),
    "XML": Reply(b"<error>Not found</error>", 404, (("Content-Type", "application/xml"),)),
    "text": Reply(b"the server, node and vm were not found", 404),
    "410": Reply(b'{"message": "retired"}', 410, (("Content-Type", "application/json"),)),
    "nothing": Reply(b"", 404),
}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def lost(authority: trustme.CA) -> Iterator[tuple[int, list[Reply]]]:
    """Serve the same answer to every request, for every host."""
    shown = [LOST["JSON"]]

    def answer(_request: Request) -> Reply:
        return shown[0]

    with any_host(answer, authority) as port:
        yield port, shown


@pytest.fixture
def lost_driver(
    lost: tuple[int, list[Reply]],
    make: Callable[..., LibcloudDriver],
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str, Reply], LibcloudDriver]:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    (tmp_path / "token").write_text(
        json.dumps({"access_token": "t", "expire_time": "2099-01-01T00:00:00Z"})
    )

    def _driver(provider: str, reply: Reply) -> LibcloudDriver:
        port, shown = lost
        shown[0] = reply
        takes = providers.TAKES[provider]
        settings: dict[str, Any] = {"provider": provider, "key": "k"}
        settings |= {"secret": "env:TEST_SECRET"} if "secret" in takes else {}
        settings |= {"region": _REGIONS[provider]} if provider in _REGIONS else {}
        settings |= {"proxy": f"http://127.0.0.1:{port}", "ca_file": str(ca_file)}
        if "port" in takes and provider != "azure_arm":
            settings |= {"host": "127.0.0.1", "port": port, "secure": False}
            del settings["proxy"]
        arguments = dict(_MORE.get(provider, {}))
        if provider in ("openstack", "rackspace"):
            arguments["ex_force_auth_url"] = f"http://127.0.0.1:{port}"
            arguments["ex_force_base_url"] = f"http://127.0.0.1:{port}/v2.1"
            arguments["ex_force_auth_token"] = "t"
        if provider == "gce":
            arguments["credential_file"] = str(tmp_path / "token")
        return make(**settings, arguments=arguments)

    return _driver


@pytest.mark.parametrize("body", LOST)
@pytest.mark.parametrize("provider", sorted(set(providers.names()) - _OWN_NETWORK))
def test_a_cloud_that_has_lost_its_way_has_lost_no_vm(
    lost_driver: Callable[[str, Reply], LibcloudDriver], provider: str, body: str
) -> None:
    try:
        driver = lost_driver(provider, LOST[body])
    except Exception as error:  # noqa: BLE001 - its type is reported below
        pytest.fail(f"{provider} cannot be created: {error}")
    asked: list[Callable[[], object]] = [
        lambda: driver.list_nodes(deadline=Deadline(10)),
        lambda: driver.get_node(node_id="12345", deadline=Deadline(10)),
        lambda: driver.stop_vm(node_id="12345", deadline=Deadline(10)),
        lambda: driver.reboot_vm(node_id="12345", deadline=Deadline(10)),
        lambda: driver.find_node(marker="m", deadline=Deadline(10)),
        lambda: driver.list_images(filters=ImageFilter(), deadline=Deadline(10)),
        lambda: driver.get_image(image_id="12345", deadline=Deadline(10)),
    ]
    told: list[OrchestratorError] = []
    for ask in asked:
        try:
            ask()
        except OrchestratorError as error:
            told.append(error)
    assert not [error for error in told if isinstance(error, NotFound)]
    assert any(isinstance(error, CloudError | Unsupported) for error in told), told
    driver.close()


# --- states ------------------------------------------------------------------------------------


def _state(provider: str, state: str) -> NodeState:
    """Return the state shown for a node of which the provider's driver reports this."""
    path, name = {str(key): value for key, value in DRIVERS.items()}[provider]
    driver_class = getattr(importlib.import_module(path), name)
    return state_of(SimpleNamespace(driver=object.__new__(driver_class), state=state, extra={}))


@pytest.mark.parametrize(
    ("provider", "shown"),
    [
        ("gandi", NodeState.STOPPED),
        ("opennebula", NodeState.STOPPED),
        ("dimensiondata", NodeState.UNKNOWN),
        ("ntta", NodeState.UNKNOWN),
        ("azure_arm", NodeState.TERMINATING),
        ("equinixmetal", NodeState.TERMINATING),
        ("ec2", NodeState.TERMINATED),
        ("openstack", NodeState.TERMINATED),
    ],
)
def test_a_vm_that_is_only_switched_off_is_not_gone(provider: str, shown: NodeState) -> None:
    assert _state(provider, "terminated") is shown
    assert _state(provider, "running") is NodeState.RUNNING
