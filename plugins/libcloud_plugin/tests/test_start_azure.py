"""Starts at Microsoft Azure, with the requests that leave this machine."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from azure_subscription import (
    GROUP,
    IMAGE,
    INTERFACE,
    MANAGED_IMAGE,
    OWN_IMAGE,
    RULES,
    SIZE,
    SUBNET,
    VM,
    Subscription,
)
from refused_parts import azure_error
from start_cases import MARKER, SAMPLES, SSH_KEY, Sent, core, not_taken, start, taken

from orchestrator_core import Deadline, Image, InvalidParameter, OrchestratorError, Size
from orchestrator_libcloud import LibcloudDriver

Serve = Callable[..., LibcloudDriver]

_THINGS = (Image(IMAGE, "debian-12"), Size(SIZE, SIZE))
_DISK = f"{GROUP}/providers/Microsoft.Compute/disks/data-1"
_OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFrofilekeyofthisuserxxxxxxxxxxxxxxxxxxx"
_EVERYTHING: dict[str, Any] = {
    "ssh_keys": [SSH_KEY, _OTHER_KEY],
    "user_data": "#cloud-config\n# ä\npackages: [git]\n",
    "networks": ["lab/front"],
    "firewalls": ["ssh-only"],
    "location": "West Europe",
    "public_ip": True,
    "root_disk": {"size": 64, "type": "Premium_LRS"},
    "volumes": [{"size": 10, "type": "StandardSSD_LRS", "keep": True}, {"size": 4}, {"id": _DISK}],
    "tags": {"team": "physics"},
    "spot": {"max_price": 0.25},
    "options": {"ex_resource_group": "g", "ex_user_name": "ann"},
}
_SMALLEST: dict[str, Any] = {
    "networks": [SUBNET],
    "options": {"ex_resource_group": "g"},
}
_REFUSED = ("keyname", "metadata")


@pytest.fixture
def subscription() -> Subscription:
    return Subscription()


@pytest.fixture
def sent(subscription: Subscription) -> Sent:
    return Sent(subscription)


@pytest.fixture
def azure(served: Serve, sent: Sent) -> LibcloudDriver:
    return served("azure_arm", sent, region="West Europe")


def _changes(sent: Sent) -> list[str]:
    return [line for line in sent.lines if line.startswith(("PUT", "DELETE", "PATCH"))]


def test_a_start_with_every_field(azure: LibcloudDriver, sent: Sent) -> None:
    """Compare with https://learn.microsoft.com/en-us/rest/api/compute/virtual-machines/create-or-update."""
    assert taken(azure) == set(_EVERYTHING)
    node = start(azure, _EVERYTHING, things=_THINGS)
    assert _changes(sent) == [f"PUT {VM}"]
    (request,) = [one for one in sent.requests if one.method == "PUT"]
    assert request.query == {"api-version": "2024-03-01"}
    assert request.headers["if-none-match"] == "*"
    body = json.loads(request.body)
    properties = body["properties"]
    user_data = base64.b64decode(properties["osProfile"].pop("customData"))
    assert user_data.decode() == _EVERYTHING["user_data"]
    path = "/home/ann/.ssh/authorized_keys"
    assert properties["osProfile"] == {
        "computerName": "web",
        "adminUsername": "ann",
        "linuxConfiguration": {
            "disablePasswordAuthentication": True,
            "ssh": {
                "publicKeys": [{"path": path, "keyData": key} for key in (SSH_KEY, _OTHER_KEY)]
            },
        },
    }
    assert properties["storageProfile"] == {
        "imageReference": {
            "publisher": "Debian",
            "offer": "debian-12",
            "sku": "12",
            "version": "latest",
        },
        "osDisk": {
            "name": "web",
            "osType": "linux",
            "caching": "ReadWrite",
            "createOption": "FromImage",
            "deleteOption": "Delete",
            "diskSizeGB": 64,
            "managedDisk": {"storageAccountType": "Premium_LRS"},
        },
        "dataDisks": [
            {
                "lun": 0,
                "createOption": "Empty",
                "diskSizeGB": 10,
                "managedDisk": {"storageAccountType": "StandardSSD_LRS"},
                "deleteOption": "Detach",
            },
            {"lun": 1, "createOption": "Empty", "diskSizeGB": 4, "deleteOption": "Delete"},
            {
                "lun": 2,
                "createOption": "Attach",
                "managedDisk": {"id": _DISK},
                "deleteOption": "Detach",
            },
        ],
    }
    assert properties["networkProfile"] == {
        "networkApiVersion": "2022-11-01",
        "networkInterfaceConfigurations": [
            {
                "name": "web-nic-00000000",
                "properties": {
                    "primary": True,
                    "deleteOption": "Delete",
                    "networkSecurityGroup": {"id": RULES},
                    "ipConfigurations": [
                        {
                            "name": "web-config",
                            "properties": {
                                "primary": True,
                                "subnet": {"id": SUBNET},
                                "publicIPAddressConfiguration": {
                                    "name": "web-ip-00000000",
                                    "sku": {"name": "Standard", "tier": "Regional"},
                                    "properties": {
                                        "publicIPAllocationMethod": "Static",
                                        "deleteOption": "Delete",
                                    },
                                },
                            },
                        }
                    ],
                },
            }
        ],
    }
    assert properties["hardwareProfile"] == {"vmSize": "Standard_B2s"}
    assert properties["priority"] == "Spot"
    assert properties["evictionPolicy"] == "Deallocate"
    assert properties["billingProfile"] == {"maxPrice": 0.25}
    assert (body["location"], body["name"]) == ("westeurope", "web")
    assert body["tags"] == {"team": "physics", "orchestrator-marker": MARKER}
    assert (node.name, node.marker, node.secrets) == ("web", MARKER, {})


def test_a_start_with_a_generated_password(
    azure: LibcloudDriver, sent: Sent, deadline: Deadline
) -> None:
    node = start(azure, _SMALLEST, things=_THINGS)
    assert next(line for line in sent.lines if "oauth2" not in line) == f"PUT {VM}"
    body = sent.body_of("PUT", VM)
    profile = body["properties"]["osProfile"]
    password = node.secrets["password"]
    assert profile == {
        "computerName": "web",
        "adminUsername": "azureuser",
        "adminPassword": password,
        "linuxConfiguration": {"disablePasswordAuthentication": False},
    }
    assert 12 <= len(password) <= 72
    kinds = (str.islower, str.isupper, str.isdigit)
    assert all(any(kind(character) for character in password) for kind in kinds)
    assert password not in json.dumps(node.extra)
    assert azure.find_node(MARKER, deadline=deadline).secrets == {}
    interfaces = body["properties"]["networkProfile"]["networkInterfaceConfigurations"]
    assert interfaces[0]["properties"]["ipConfigurations"] == [
        {"name": "web-config", "properties": {"primary": True, "subnet": {"id": SUBNET}}}
    ]
    assert body["properties"].keys().isdisjoint({"priority", "billingProfile"})


def test_each_start_has_a_password_of_its_own(azure: LibcloudDriver) -> None:
    nodes = [start(azure, _SMALLEST, things=_THINGS, name=name) for name in ("web", "other")]
    assert len({node.secrets["password"] for node in nodes}) == 2


def test_a_stop_leaves_disk_and_interface_to_azure(
    azure: LibcloudDriver, sent: Sent, deadline: Deadline
) -> None:
    node = start(azure, _SMALLEST, things=_THINGS)
    assert node.private_ips == ["10.0.0.4"]
    azure.stop_vm(node.id, deadline=deadline)
    assert _changes(sent) == [f"PUT {VM}", f"DELETE {VM}"]


def test_a_stop_deletes_what_azure_keeps(
    azure: LibcloudDriver, subscription: Subscription, sent: Sent, deadline: Deadline
) -> None:
    node = start(azure, _SMALLEST, things=_THINGS)
    properties = subscription.made[VM]["properties"]
    for part in (
        properties["storageProfile"]["osDisk"],
        properties["networkProfile"]["networkInterfaces"][0]["properties"],
    ):
        part["deleteOption"] = "Detach"
    properties["storageProfile"]["osDisk"]["managedDisk"]["id"] = _DISK
    subscription.deletion = 204
    azure.stop_vm(node.id, deadline=deadline)
    assert _changes(sent)[1:] == [f"DELETE {one}" for one in (VM, INTERFACE, _DISK)]


def test_a_stop_of_a_vm_without_a_network_profile(
    azure: LibcloudDriver, subscription: Subscription, sent: Sent, deadline: Deadline
) -> None:
    node = start(azure, _SMALLEST, things=_THINGS)
    del subscription.made[VM]["properties"]["networkProfile"]
    azure.stop_vm(node.id, deadline=deadline)
    assert _changes(sent)[1:] == [f"DELETE {VM}"]


def test_the_network_of_the_options(azure: LibcloudDriver, sent: Sent) -> None:
    options = {"ex_resource_group": "g", "ex_network": "lab", "ex_subnet": "front"}
    start(azure, {"options": options}, things=_THINGS)
    profile = sent.body_of("PUT", VM)["properties"]["networkProfile"]
    (interface,) = profile["networkInterfaceConfigurations"]
    (address,) = interface["properties"]["ipConfigurations"]
    assert address["properties"]["subnet"] == {"id": SUBNET}


def test_a_spot_vm_without_a_limit(azure: LibcloudDriver, sent: Sent) -> None:
    start(azure, {**_SMALLEST, "spot": True}, things=_THINGS)
    assert sent.body_of("PUT", VM)["properties"]["billingProfile"] == {"maxPrice": -1}


def test_a_refused_vm_leaves_nothing_behind(
    azure: LibcloudDriver, subscription: Subscription, sent: Sent
) -> None:
    subscription.refusal = azure_error("SkuNotAvailable", 409)
    with pytest.raises(OrchestratorError, match="SkuNotAvailable"):
        start(azure, _SMALLEST, things=_THINGS)
    assert _changes(sent) == [f"PUT {VM}"]  # neither an interface nor an address was made


def test_a_vm_of_the_same_name_is_not_changed(
    azure: LibcloudDriver, subscription: Subscription
) -> None:
    """Azure answers If-None-Match with 412 if there is such a VM."""
    subscription.refusal = azure_error("PreconditionFailed", 412)
    with pytest.raises(OrchestratorError) as caught:
        start(azure, _SMALLEST, things=_THINGS)
    assert "PreconditionFailed" in str(caught.value)


@pytest.mark.parametrize("field", _REFUSED)
def test_a_field_that_is_not_taken(azure: LibcloudDriver, sent: Sent, field: str) -> None:
    assert not_taken(azure).keys() == set(_REFUSED)
    with pytest.raises(InvalidParameter, match="is not taken by cloud test: ") as caught:
        start(azure, {field: SAMPLES[field], **_SMALLEST}, things=_THINGS)
    assert caught.value.field == field
    assert not sent.requests


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"options": {}}, "options"),
        ({"options": {"ex_user_name": "ann"}}, "options"),
        ({"options": {"ex_resource_group": "g/providers/x"}}, "options"),
        ({"networks": []}, "networks"),
        ({"networks": [SUBNET, f"{SUBNET}2"]}, "networks"),
        ({"firewalls": [RULES, f"{RULES}2"]}, "firewalls"),
        ({"root_disk": {"size": 64, "keep": True}}, "root_disk"),
        ({"options": {"ex_resource_group": "g", "ex_nic": "x"}}, "options"),
        ({"options": {"ex_resource_group": "g", "ex_customdata": "x"}}, "options"),
    ],
)
def test_a_value_that_is_not_taken(
    azure: LibcloudDriver, sent: Sent, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidParameter) as caught:
        start(azure, {**_SMALLEST, **fields}, things=_THINGS)
    assert caught.value.field == field
    assert not _changes(sent)


@pytest.mark.parametrize("name", ["web/extensions/x", "..", "web.", "w b", "w" * 65])
def test_a_name_that_azure_refuses(azure: LibcloudDriver, sent: Sent, name: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        start(azure, _SMALLEST, things=_THINGS, name=name)
    assert caught.value.field == "name"
    assert not _changes(sent)


def test_a_start_without_a_location(served: Serve, sent: Sent) -> None:
    with pytest.raises(InvalidParameter, match="set region") as caught:
        start(served("azure_arm", sent), _SMALLEST, things=_THINGS)
    assert caught.value.field == "location"
    assert not _changes(sent)


@pytest.mark.parametrize("image_id", [OWN_IMAGE, MANAGED_IMAGE])
def test_an_image_of_the_account(azure: LibcloudDriver, sent: Sent, image_id: str) -> None:
    image = core(azure).find_image(image_id)
    assert (image.id, image.name) == (image_id, "base")
    start(azure, _SMALLEST, things=(image, _THINGS[1]))
    profile = sent.body_of("PUT", VM)["properties"]["storageProfile"]
    assert profile["imageReference"] == {"id": image_id}


@pytest.mark.parametrize(
    ("image_id", "message"),
    [
        ("debian", "must be Publisher:Offer:Sku:Version"),
        ("Debian:debian-12:12", "must be Publisher:Offer:Sku:Version"),
        (f"{OWN_IMAGE}/../x", "must be Publisher:Offer:Sku:Version"),
        (f"{OWN_IMAGE}2", "there is no image"),
    ],
)
def test_an_image_that_azure_does_not_have(
    azure: LibcloudDriver, sent: Sent, image_id: str, message: str
) -> None:
    with pytest.raises(InvalidParameter, match=message) as caught:
        core(azure).find_image(image_id)
    assert caught.value.field == "image"
    assert len([line for line in sent.lines if "oauth2" not in line]) <= 1


def test_a_vhd_needs_a_storage_account(azure: LibcloudDriver, sent: Sent) -> None:
    url = "https://disks.blob.core.windows.net/vhds/debian.vhd"
    things = (core(azure).find_image(url), _THINGS[1])
    with pytest.raises(InvalidParameter, match="ex_storage_account") as caught:
        start(azure, _SMALLEST, things=things)
    assert caught.value.field == "image"
    assert not _changes(sent)


def test_the_lists_of_what_a_start_can_name(azure: LibcloudDriver) -> None:
    driver = core(azure)
    (network,) = driver.read("list_networks")
    assert (network.id, network.name, network.cidr) == (SUBNET, "lab/front", "10.0.0.0/24")
    assert network.location == "westeurope"
    assert [(one.id, one.name) for one in driver.read("list_firewalls")] == [(RULES, "ssh-only")]
