"""Starts at Google Compute Engine, with the requests that leave this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from any_host import Reply, Request
from refused_parts import PROJECT, ZONE, google_error, in_json, instance
from start_cases import MARKER, SAMPLES, SSH_KEY, Sent, core, not_taken, start, taken

from orchestrator_core import Image, InvalidParameter, Size
from orchestrator_libcloud import LibcloudDriver

Serve = Callable[..., LibcloudDriver]

_IMAGE_LINK = "https://www.googleapis.com/compute/v1/projects/debian-cloud/global/images/debian-12"
_THINGS = (
    Image("5801", "debian-12", extra={"selfLink": _IMAGE_LINK}),
    Size("334004", "e2-small"),
)
_INSERT = "/compute/v1/projects/p/zones/europe-west1-b/instances"
_OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFrofilekeyofthisuserxxxxxxxxxxxxxxxxxxx"
_NAT = [{"name": "External NAT", "type": "ONE_TO_ONE_NAT"}]
_EVERYTHING: dict[str, Any] = {
    "ssh_keys": [SSH_KEY, _OTHER_KEY],
    "user_data": "#cloud-config\npackages: [git]\n",
    "networks": [
        "lab",
        "https://www.googleapis.com/compute/v1/projects/host/regions/europe-west1/subnetworks/shared",
    ],
    "firewalls": ["web", "ssh"],
    "location": "europe-west1-b",
    "public_ip": True,
    "root_disk": {"size": 30, "type": "pd-ssd", "keep": True},
    "volumes": [{"size": 10, "type": "pd-balanced"}, {"id": "data-1"}],
    "tags": {"team": "physics", "urgent": ""},
    "spot": True,
    "metadata": {"course": "optics"},
    "options": {"ex_can_ip_forward": True, "description": "a VM of the lab"},
}
_DONE = {"name": "op", "status": "DONE", "selfLink": f"{ZONE}/operations/op", "zone": ZONE}

_REGION = {
    "id": "2",
    "name": "europe-west1",
    "status": "UP",
    "selfLink": f"{PROJECT}/regions/europe-west1",
    "zones": [ZONE],
    "quotas": [],
}


class _Google:
    """A Google project; it keeps the instances that it made."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}

    def __call__(self, request: Request) -> Reply:
        path = request.path.removeprefix("/compute/v1/projects/p")
        if request.method == "POST":
            body = json.loads(request.body)
            metadata = {"metadata": body.get("metadata", {})}
            self.made[body["name"]] = instance(7, **{**metadata, "name": body["name"]})
            return in_json(_DONE)
        name = path.rpartition("/")[2]
        answers: dict[str, Any] = {
            f"/zones/europe-west1-b/instances/{name}": self.made.get(name),
            "/zones/europe-west1-b/operations/op": _DONE,
            "/zones": {
                "items": [{"id": "1", "name": "europe-west1-b", "status": "UP", "selfLink": ZONE}]
            },
            "/regions": {"items": [_REGION]},
            "/aggregated/subnetworks": {
                "items": {
                    f"regions/{region}": {
                        "subnetworks": [
                            {
                                "name": "lab",
                                "region": f"{PROJECT}/regions/{region}",
                                "ipCidrRange": "10.0.0.0/24",
                            }
                        ]
                    }
                    for region in ("europe-west1", "us-east1")
                }
            },
            "/global/firewalls": {
                "items": [
                    {"name": "allow-http", "targetTags": ["web"]},
                    {"name": "allow-https", "targetTags": ["web", "tls"]},
                    {"name": "allow-all"},
                ]
            },
        }
        found = answers.get(path)
        return google_error("notFound", 404) if found is None else in_json(found)


@pytest.fixture
def sent() -> Sent:
    return Sent(_Google())


@pytest.fixture
def google(served: Serve, sent: Sent) -> LibcloudDriver:
    return served("gce", sent)


def _metadata(body: dict[str, Any]) -> dict[str, str]:
    return {item["key"]: item["value"] for item in body["metadata"]["items"]}


def test_a_start_with_every_field(google: LibcloudDriver, sent: Sent) -> None:
    """Compare with https://cloud.google.com/compute/docs/reference/rest/v1/instances/insert."""
    assert taken(google) == set(_EVERYTHING)
    node = start(google, _EVERYTHING, things=_THINGS)
    body = sent.body_of("POST", _INSERT)
    assert _metadata(body) == {
        "course": "optics",
        "user-data": _EVERYTHING["user_data"],
        "ssh-keys": f"ann:{SSH_KEY}\norchestrator:{_OTHER_KEY}",
        "orchestrator-marker": MARKER,
    }
    del body["metadata"]
    zone = "zones/europe-west1-b"
    disk = {"type": "PERSISTENT", "mode": "READ_WRITE"}
    assert body.pop("serviceAccounts")[0]["email"] == "default"
    assert body == {
        "name": "web",
        "machineType": f"{zone}/machineTypes/e2-small",
        "description": "a VM of the lab",
        "canIpForward": True,
        "labels": {"team": "physics", "urgent": ""},
        "tags": {"items": ["web", "ssh"]},
        "scheduling": {"preemptible": True, "automaticRestart": False},
        "networkInterfaces": [
            {"subnetwork": "regions/europe-west1/subnetworks/lab", "accessConfigs": _NAT},
            {"subnetwork": "projects/host/regions/europe-west1/subnetworks/shared"},
        ],
        "disks": [
            {
                **disk,
                "boot": True,
                "autoDelete": False,
                "deviceName": "web",
                "initializeParams": {
                    "diskName": "web",
                    "sourceImage": _IMAGE_LINK,
                    "diskSizeGb": 30,
                    "diskType": f"{zone}/diskTypes/pd-ssd",
                },
            },
            {
                **disk,
                "boot": False,
                "autoDelete": True,
                "initializeParams": {
                    "diskSizeGb": 10,
                    "diskType": f"{zone}/diskTypes/pd-balanced",
                },
            },
            {**disk, "boot": False, "autoDelete": False, "source": f"{zone}/disks/data-1"},
        ],
    }
    assert (node.name, node.marker) == ("web", MARKER)


def test_a_start_with_no_field_but_the_zone(google: LibcloudDriver, sent: Sent) -> None:
    start(google, {"location": "europe-west1-b"}, things=_THINGS)
    body = sent.body_of("POST", _INSERT)
    assert body["networkInterfaces"] == [
        {"network": "global/networks/default", "accessConfigs": _NAT}
    ]
    (disk,) = body["disks"]
    assert disk["autoDelete"]
    assert disk["initializeParams"] == {"diskName": "web", "sourceImage": _IMAGE_LINK}
    assert not body.keys() & {"labels", "tags", "scheduling"}
    first = next(at for at, line in enumerate(sent.lines) if line.startswith("POST"))
    assert first == 0  # nothing is looked up before


def test_the_zone_of_the_settings(served: Serve, sent: Sent) -> None:
    google = served("gce", sent, region="europe-west1-b")
    start(google, {"public_ip": False}, things=_THINGS)
    assert sent.body_of("POST", _INSERT)["networkInterfaces"] == [
        {"network": "global/networks/default"}
    ]


def test_a_marker_is_kept_beside_the_metadata(google: LibcloudDriver, sent: Sent) -> None:
    fields = {"location": "europe-west1-b", "metadata": {"course": "optics"}}
    node = start(google, fields, things=_THINGS)
    expected = {"course": "optics", "orchestrator-marker": MARKER}
    assert _metadata(sent.body_of("POST", _INSERT)) == expected
    assert "orchestrator-marker" not in json.dumps(node.extra)


@pytest.mark.parametrize(
    ("comment", "options", "user"),
    [
        (" ann@laptop", {}, "ann"),
        (" ann@laptop", {"ssh_user": "debian"}, "debian"),
        (" root@laptop", {}, "orchestrator"),
        (" the key of Ann", {}, "orchestrator"),
        ("", {}, "orchestrator"),
        ("", {"ssh_user": "debian"}, "debian"),
    ],
)
def test_the_user_of_a_key(
    google: LibcloudDriver, sent: Sent, comment: str, options: dict[str, Any], user: str
) -> None:
    key = _OTHER_KEY + comment
    fields = {"location": "europe-west1-b", "ssh_keys": [key], "options": options}
    start(google, fields, things=_THINGS)
    assert _metadata(sent.body_of("POST", _INSERT))["ssh-keys"] == f"{user}:{key}"


def test_a_field_that_is_not_taken(google: LibcloudDriver, sent: Sent) -> None:
    assert not_taken(google).keys() == {"keyname"}
    with pytest.raises(InvalidParameter, match="give ssh_keys") as caught:
        start(google, {"keyname": SAMPLES["keyname"]}, things=_THINGS)
    assert caught.value.field == "keyname"
    assert not sent.requests


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"location": "europe-west1"}, "location"),
        ({"networks": ["My Lab"]}, "networks"),
        ({"networks": ["regions/europe-west1/subnetworks/../../x"]}, "networks"),
        ({"firewalls": ["Web"]}, "firewalls"),
        ({"spot": {"max_price": 0.1}}, "spot"),
        ({"tags": {"Team": "physics"}}, "tags"),
        ({"tags": {"team": "p" * 64}}, "tags"),
        ({"tags": {"team": "Physics"}}, "tags"),
        ({"metadata": {"user-data": "x"}, "user_data": "y"}, "metadata"),
        ({"metadata": {"a key": "x"}}, "metadata"),
        ({"metadata": {"key": "x", "value": "y"}}, "metadata"),
        ({"metadata": {"items": "x"}}, "metadata"),
        ({"volumes": [{"id": "../../global/images/x"}]}, "volumes"),
        ({"root_disk": {"type": "pd/ssd"}}, "root_disk"),
        ({"options": {"ssh_user": "ann:ssh"}}, "options"),
        ({"options": {"ex_subnetwork": "lab"}}, "options"),
        ({"spot": True, "options": {"ex_automatic_restart": True}}, "options"),
    ],
)
def test_a_value_that_is_not_taken(
    google: LibcloudDriver, sent: Sent, fields: dict[str, Any], field: str
) -> None:
    fields = {"location": "europe-west1-b", "ssh_keys": [SSH_KEY], **fields}
    with pytest.raises(InvalidParameter) as caught:
        start(google, fields, things=_THINGS)
    assert caught.value.field == field
    assert not sent.requests


def test_a_start_without_a_zone(google: LibcloudDriver, sent: Sent) -> None:
    with pytest.raises(InvalidParameter, match="give a zone") as caught:
        start(google, {}, things=_THINGS)
    assert caught.value.field == "location"
    assert not sent.requests


def test_the_lists_of_what_a_start_can_name(google: LibcloudDriver) -> None:
    driver = core(google)
    networks = driver.read("list_networks")
    assert [(one.id, one.name, one.location) for one in networks] == [
        (f"regions/{region}/subnetworks/lab", "lab", region)
        for region in ("europe-west1", "us-east1")
    ]
    assert {one.cidr for one in networks} == {"10.0.0.0/24"}
    firewalls = {one.id: one.description for one in driver.read("list_firewalls")}
    assert firewalls == {
        "web": "firewall rules allow-http, allow-https",
        "tls": "firewall rules allow-https",
    }
