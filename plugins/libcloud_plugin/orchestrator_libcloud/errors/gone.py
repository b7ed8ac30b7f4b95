"""Answers that are believed as "this VM is gone", for each provider.

A 404 says that nothing is at a URL. It is an answer about the VM only if the provider itself names
the VM. The same status comes from a wrong project, an API that was retired, or a gateway that lost
its route. Every other answer is checked against a list: a VM is gone if a complete list, fetched
afterwards, does not show it.

The tests check the table against Libcloud's drivers, and the README's table against this one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from orchestrator_libcloud.http.error_answer import ErrorAnswer
from orchestrator_libcloud.patterns import Pattern

Names = frozenset[str]
"""The names that a provider may use for one VM: its id, its name, its UUID."""

_DRIVERS: Final = "libcloud.compute.drivers."
_NO_IMAGE: Final = Pattern(
    r"not (be )?found|not exist|no image found|failed to find|InvalidAMIID\.", re.IGNORECASE
)
_NOT_FOUND: Final = 404


_LIST: Final = "gone if a complete list, fetched afterwards, does not show the VM"
_NO_LIST: Final = "never gone, because there is no list to compare with"


def _never(_answer: ErrorAnswer, _names: Names) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Gone:
    """The answers that are believed for one kind of provider.

    Attributes:
        words: the error that names a missing VM, as text for people; None if the provider has no
            error that names it.
        is_answer: the function that returns whether an error answer is that error, for a VM with
            these names.
        otherwise: how every other answer is judged, as text for people.
    """

    words: str | None = None
    is_answer: Callable[[ErrorAnswer, Names], bool] = _never
    otherwise: str = _LIST


def is_named(text: object, names: Names) -> bool:
    """Return whether a text contains one of these names as a whole word.

    ``i-123`` and ``my-i-12`` do not contain ``i-12`` as a whole word.
    """
    return isinstance(text, str) and any(
        re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None
        for name in names
        if name
    )


def _dicts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a JSON value, the outer ones first."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _dicts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _dicts(inner)


def _in_json(
    code: str, values: frozenset[Any], *texts: str
) -> Callable[[ErrorAnswer, Names], bool]:
    """Recognise an object whose ``code`` is one of the values and that names the VM in a text."""

    def is_answer(answer: ErrorAnswer, wanted: Names) -> bool:
        return any(
            one.get(code) in values and any(is_named(_joined(one.get(t)), wanted) for t in texts)
            for one in _dicts(answer.json())
            if isinstance(one.get(code), str | int)
        )

    return is_answer


def _joined(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _in_xml(code: str, values: frozenset[str], text: str) -> Callable[[ErrorAnswer, Names], bool]:
    """Recognise an element whose ``code`` is one of these values and whose text names the VM."""

    def is_answer(answer: ErrorAnswer, wanted: Names) -> bool:
        root = answer.xml()
        if root is None:
            return False
        return any(
            _child(one, code) in values and is_named(_child(one, text), wanted)
            for one in root.iter()
        )

    return is_answer


def _child(element: Any, tag: str) -> str | None:
    """Return the text of the child with this name in any namespace."""
    return next((one.text for one in element if one.tag.rpartition("}")[2] == tag), None)


def _nova(answer: ErrorAnswer, names: Names) -> bool:
    body = answer.json()
    found = body.get("itemNotFound") if isinstance(body, dict) else None
    text = found.get("message") if isinstance(found, dict) else None
    return answer.status == _NOT_FOUND and is_named(text, names)


def _google(answer: ErrorAnswer, names: Names) -> bool:
    body = answer.json()
    error = body.get("error") if isinstance(body, dict) else None
    text = error.get("message") if isinstance(error, dict) else None
    if answer.status != _NOT_FOUND or not isinstance(text, str):
        return False
    found = re.search(r"'projects/[^']+/zones/[^'/]+/instances/([^'/]+)' was not found", text)
    return found is not None and found[1] in names


def _azure(answer: ErrorAnswer, names: Names) -> bool:
    body = answer.json()
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or error.get("code") != "ResourceNotFound":
        return False
    found = re.search(
        r"'Microsoft\.Compute/virtualMachines/([^'/]+)'", str(error.get("message")), re.IGNORECASE
    )
    # A node's id is the resource's whole path; Azure compares names without regard to case.
    last = {name.rpartition("/")[2].lower() for name in names}
    return found is not None and found[1].lower() in last


def _kubernetes(answer: ErrorAnswer, names: Names) -> bool:
    body = answer.json()
    if not isinstance(body, dict) or body.get("reason") != "NotFound":
        return False
    details = body.get("details")
    return (
        isinstance(details, dict)
        and str(details.get("kind", "")).startswith("virtualmachine")
        and details.get("name") in names
    )


def _cloudstack_error(answer: ErrorAnswer, names: Names) -> bool:
    return any(
        one.get("errorcode") in (431, 530)
        and "entity does not exist" in str(one.get("errortext"))
        and is_named(one.get("errortext"), names)
        for one in _dicts(answer.json())
    )


_LIST_ONLY: Final = Gone()
_UNLISTED: Final = Gone(otherwise=_NO_LIST)
_NOVA: Final = Gone("404 `itemNotFound` whose message names the server's id", _nova)
_AMAZON: Final = Gone(
    "`InvalidInstanceID.NotFound` or `.Malformed` whose message names the instance's id",
    _in_xml(
        "Code",
        frozenset({"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"}),
        "Message",
    ),
)
_CLOUDSTACK: Final = Gone(
    'error 431 "entity does not exist" whose text names the machine\'s id', _cloudstack_error
)
_MCP: Final = Gone(
    "`RESOURCE_NOT_FOUND` whose message names the server's id",
    _in_xml("responseCode", frozenset({"RESOURCE_NOT_FOUND"}), "message"),
)

GONE: Final[dict[str, Gone]] = {
    "abiquo": _LIST_ONLY,
    "auroracompute": _CLOUDSTACK,
    "azure": _UNLISTED,
    "azure_arm": Gone("`ResourceNotFound` whose message names the virtual machine", _azure),
    "brightbox": Gone(
        "`missing_resource` with an error that names the server's id",
        _in_json("error_name", frozenset({"missing_resource"}), "errors"),
    ),
    "cloudscale": _LIST_ONLY,
    "cloudsigma": Gone(
        "`notexist` whose message names the server's UUID",
        _in_json("error_type", frozenset({"notexist"}), "error_message"),
    ),
    "cloudstack": _CLOUDSTACK,
    "digitalocean": _LIST_ONLY,
    "dimensiondata": _MCP,
    "dummy": _LIST_ONLY,
    "ec2": _AMAZON,
    "ecs": _LIST_ONLY,
    "equinixmetal": _LIST_ONLY,
    "exoscale": _CLOUDSTACK,
    "gandi": _LIST_ONLY,
    "gce": Gone("404 that names `zones/.../instances/NAME` of the instance", _google),
    "gig_g8": _LIST_ONLY,
    "gridscale": _LIST_ONLY,
    "ikoula": _CLOUDSTACK,
    "internetsolutions": _MCP,
    "kamatera": _LIST_ONLY,
    "ktucloud": _CLOUDSTACK,
    "kubevirt": Gone(
        "`Status` with reason `NotFound` and the virtual machine's name in its details",
        _kubernetes,
    ),
    # Libvirt has no HTTP answer; changes/absence.py compares the code of its exception.
    "libvirt_driver": Gone("error 42, no domain with this UUID"),
    "linode": _LIST_ONLY,
    "maxihost": _LIST_ONLY,
    "ntta": _MCP,
    "nttcis": _MCP,
    "onapp": _LIST_ONLY,
    "opennebula": _LIST_ONLY,
    "openstack": _NOVA,
    "outscale": Gone(
        "error 5063 whose details name the VM's id",
        _in_json("Code", frozenset({"5063", 5063}), "Details"),
    ),
    "ovh": _LIST_ONLY,
    "rackspace": _NOVA,
    "rimuhosting": _LIST_ONLY,
    "scaleway": Gone(
        "`unknown_resource` or `not_found` that names the server's id",
        _in_json("type", frozenset({"unknown_resource", "not_found"}), "message", "resource_id"),
    ),
    "upcloud": Gone(
        "`SERVER_NOT_FOUND` whose message names the server's UUID",
        _in_json("error_code", frozenset({"SERVER_NOT_FOUND"}), "error_message"),
    ),
    "vcl": _UNLISTED,
    "vcloud": _LIST_ONLY,
    "vpsnet": _LIST_ONLY,
    "vsphere": _LIST_ONLY,
    "vultr": _LIST_ONLY,
}
"""A driver's module to the answers that are believed for its provider."""


def gone_of(driver_modules: list[str]) -> Gone:
    """Return the answers that are believed; only the list counts for a driver not in the table."""
    names = (module.removeprefix(_DRIVERS) for module in driver_modules)
    return next((GONE[name] for name in names if name in GONE), _LIST_ONLY)


def names_image(answer: ErrorAnswer, image_id: str) -> bool:
    """Return whether an error answer says that there is no image with this id.

    Glance answers a request for one image with a short page of HTML, Amazon with a code and others
    with JSON. Each answer is believed if it names the image; a proxy's page does not name it.
    """
    text = answer.body.decode("utf-8", "replace")
    said = _NO_IMAGE.search(text)
    return said is not None and is_named(unquote(text), frozenset({image_id}))
