"""The optional fields of a start: right, wrong, refused, and recorded."""

from __future__ import annotations

import json

import pytest

from tests.every_field import EVERY_FIELD, KEY, RECORDED, SHOWN
from tests.start_clouds import Clouds
from tests.stateful import START, Json

NO_KEY = 'must be one public key in OpenSSH\'s form, such as "ssh-ed25519 AAAA... name"'


def test_every_field_reaches_the_cloud(clouds: Clouds) -> None:
    assert clouds.shown("all", EVERY_FIELD) == SHOWN


def test_a_start_without_them_is_the_documented_one(clouds: Clouds) -> None:
    answer = clouds.start("all", {})
    assert answer.json()["nodes"]["extra"] == {"foo": "bar"}


def test_empty_values_ask_for_nothing(clouds: Clouds) -> None:
    empty = {
        "ssh_keys": [],
        "networks": [],
        "tags": {},
        "spot": False,
        "options": {},
        "volumes": [],
    }
    answer = clouds.start("picky", {**empty, "root_disk": {}})
    assert answer.json()["nodes"]["extra"] == {"foo": "bar"}


WRONG: list[tuple[Json, str]] = [
    ({"keyname": 7}, "keyname: must be a string"),
    ({"keyname": "x" * 1025}, "keyname: must not be longer than 1024 characters"),
    ({"ssh_keys": KEY}, "ssh_keys: must be a list"),
    ({"ssh_keys": [KEY, KEY]}, f"ssh_keys[1]: {KEY!r} is given twice"),
    (
        {"ssh_keys": ["rsa AAAA"]},
        f"ssh_keys[0]: {NO_KEY}",
    ),
    ({"ssh_keys": [f"{KEY} ann\r{KEY}"]}, f"ssh_keys[0]: {NO_KEY}"),
    ({"ssh_keys": [f"{KEY} ann\u2028{KEY}"]}, f"ssh_keys[0]: {NO_KEY}"),
    (
        {"ssh_keys": ["-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA"]},
        "ssh_keys[0]: must be the public key; never send the private key",
    ),
    ({"ssh_keys": [f"{KEY}{n}" for n in range(33)]}, "ssh_keys: must have at most 32 entries"),
    ({"user_data": {"a": 1}}, "user_data: must be a string"),
    ({"user_data": ""}, "user_data: must not be empty"),
    ({"user_data": "a\0b"}, "user_data: must not contain the character NUL"),
    ({"user_data": "é" * 32768}, "user_data: must not be longer than 65535 bytes in UTF-8"),
    ({"networks": "net-1"}, "networks: must be a list"),
    ({"networks": ["net-1", 2]}, "networks[1]: must be a string"),
    ({"networks": ["net-1", "net-1"]}, "networks[1]: 'net-1' is given twice"),
    ({"firewalls": ["a\nb"]}, "firewalls[0]: must not contain control characters"),
    ({"location": ["1"]}, "location: must be a string"),
    ({"public_ip": "yes"}, "public_ip: must be true or false"),
    ({"public_ip": 1}, "public_ip: must be true or false"),
    ({"root_disk": 30}, "root_disk: must be an object"),
    (
        {"root_disk": {"size": "30"}},
        "root_disk.size: must be a whole number of GB from 1 to 1048576",
    ),
    (
        {"root_disk": {"size": 0}},
        "root_disk.size: must be a whole number of GB from 1 to 1048576",
    ),
    ({"root_disk": {"sise": 30}}, "root_disk.sise: is not a known key"),
    (
        {"volumes": [{}]},
        "volumes[0]: is missing; give size for a new volume, or id for an old one",
    ),
    (
        {"volumes": [{"size": 1}, {"id": "a", "size": 1}]},
        "volumes[1]: an existing volume takes only id",
    ),
    (
        {"volumes": [{"id": "vol-1"}, {"size": 1}, {"size": 1}, {"id": "vol-1"}]},
        "volumes: 'vol-1' is given twice",
    ),
    ({"volumes": [7]}, "volumes[0]: must be an object"),
    ({"tags": ["red"]}, "tags: must be an object"),
    ({"tags": {"team": 7}}, "tags: the value of 'team' must be a string"),
    ({"tags": {"": "x"}}, "tags: a key must not be empty"),
    (
        {"tags": {"k" * 256: "x"}},
        f"tags: the key {'k' * 32!r}... must not be longer than 255 characters",
    ),
    ({"tags": {str(n): "x" for n in range(65)}}, "tags: must have at most 64 entries"),
    ({"spot": "yes"}, "spot: must be true, false, or an object with max_price"),
    ({"spot": {"max_price": 0}}, "spot.max_price: must be a number above 0"),
    ({"spot": {"max_price": "0.5"}}, "spot.max_price: must be a number above 0"),
    ({"spot": {"max_price": True}}, "spot.max_price: must be a number above 0"),
    ({"root_disk": {"keep": 0}}, "root_disk.keep: must be true or false"),
    (
        {"root_disk": {"size": True}},
        "root_disk.size: must be a whole number of GB from 1 to 1048576",
    ),
    ({"metadata": "x"}, "metadata: must be an object"),
    ({"options": ["rack"]}, "options: must be an object"),
    ({"user_date": "x"}, 'user_date: is not a known field; did you mean "user_data"?'),
]


@pytest.mark.parametrize(("fields", "reason"), WRONG, ids=lambda one: str(one)[:40])
def test_a_wrong_value_is_refused_with_the_right_form(
    clouds: Clouds, fields: Json, reason: str
) -> None:
    assert clouds.refusal("all", fields) == reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"keyname": "x"}, "keyname: there is no key pair with the id or name 'x'"),
        ({"networks": ["net-1", "x"]}, "networks: there is no network with the id or name 'x'"),
        ({"firewalls": ["x"]}, "firewalls: there is no firewall with the id or name 'x'"),
        ({"location": "x"}, "location: there is no location with the id or name 'x'"),
        ({"volumes": [{"id": "x"}]}, "volumes: there is no volume 'x'; there are vol-1, vol-2"),
        (
            {"networks": ["private"]},
            "networks: 2 networks are named 'private'; give the id of one: net-1, net-2",
        ),
        (
            {"networks": ["net-3", "public"]},
            "networks: 'net-3' and 'public' are the same network; give one of them",
        ),
    ],
    ids=str,
)
def test_an_unknown_or_ambiguous_name_is_refused(clouds: Clouds, fields: Json, reason: str) -> None:
    assert clouds.refusal("all", fields, recorded=1) == reason


def test_images_and_sizes_have_names_too(clouds: Clouds) -> None:
    named = {"image": "Ubuntu 9.10", "size": "Big"}
    assert clouds.start("all", named).status_code == 200
    unknown = clouds.start("all", {"image": "Ubuntu"})
    assert (unknown.status_code, unknown.json()["error_code"]) == (400, "image_not_found")


def test_an_id_is_refused_if_only_its_ambiguous_name_can_be_sent(clouds: Clouds) -> None:
    assert clouds.shown("strict", {"location": "1", "networks": ["net-3"]})["networks"] == [
        "public"
    ]
    assert clouds.refusal("strict", {"location": "1", "networks": ["net-2"]}, recorded=1) == (
        "networks: network 'net-2' cannot be chosen: the cloud's API takes only names, and several "
        "networks are named 'private'; rename one of them"
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"spot": True}, "spot: is not taken by cloud picky: this region has no spot capacity"),
        ({"public_ip": False}, "public_ip: is not taken by cloud picky: every VM has one"),
        (
            {"keyname": "laptop", "ssh_keys": [KEY]},
            "keyname: cannot be given together with ssh_keys; give one of them",
        ),
        ({"user_data": "é" * 11}, "user_data: is 22 bytes; cloud picky takes at most 20"),
        (
            {"networks": ["net-1", "net-2"]},
            "networks: has 2 entries; cloud picky takes at most 1 entry",
        ),
        (
            {"root_disk": {"size": 30, "type": "fast"}},
            "root_disk: has 'type', which cloud picky does not take (only size)",
        ),
        (
            {"options": {"rack": 1}},
            "options: is not taken by cloud picky: there are none",
        ),
    ],
    ids=str,
)
def test_a_field_that_the_cloud_does_not_take_is_refused_by_name(
    clouds: Clouds, fields: Json, reason: str
) -> None:
    assert clouds.refusal("picky", fields) == reason


def test_a_part_that_changes_nothing_is_taken(clouds: Clouds) -> None:
    taken = clouds.shown("picky", {"root_disk": {"size": 30, "keep": False}})
    assert taken == {"root_disk": {"size": 30, "type": None, "keep": False}}


def test_several_faults_are_told_at_once(clouds: Clouds) -> None:
    both = clouds.refusal("picky", {"spot": True, "networks": ["a", "b"], "user_data": "x" * 21})
    assert both == (
        "user_data: is 21 bytes; cloud picky takes at most 20; "
        "networks: has 2 entries; cloud picky takes at most 1 entry; "
        "spot: is not taken by cloud picky: this region has no spot capacity"
    )
    malformed = clouds.refusal("picky", {"public_ip": "x", "networks": [1, "a", ""]})
    assert sorted(malformed.split("; ")) == [
        "networks[0]: must be a string",
        "networks[2]: must not be empty",
        "public_ip: must be true or false",
    ]


def test_the_operation_records_the_fields_without_secrets(clouds: Clouds) -> None:
    assert clouds.start("all", EVERY_FIELD).status_code == 200
    (operation,) = clouds.api.operations(cloud="all", limit="1")
    shown = clouds.api.operation(operation["id"])
    assert shown["parameters"] == {**START, **RECORDED}
    assert clouds.start("preset", {}).status_code == 200
    (operation,) = clouds.api.operations(cloud="preset", limit="1")
    shown = clouds.api.operation(operation["id"])
    assert shown["parameters"]["options"] == {"rack": None, "password": None}
    for place in (json.dumps(shown), clouds.api.server.log()):
        assert "hunter" not in place
    for file in clouds.folder.glob("state.db*"):
        assert b"hunter" not in file.read_bytes()


def test_no_answer_shows_the_secrets_of_a_start(clouds: Clouds) -> None:
    clouds.start("all", EVERY_FIELD)
    clouds.start("preset", {})
    for cloud in ("all", "preset"):
        for path in (f"/nodes/{cloud}", f"/cloud/{cloud}"):
            assert "hunter" not in clouds.api.http.get(path).text


@pytest.mark.parametrize("field", EVERY_FIELD)
def test_an_idempotency_key_covers_every_field(clouds: Clouds, field: str) -> None:
    key = {"Idempotency-Key": f"field {field}"}
    first = clouds.start("all", EVERY_FIELD, **key)
    again = clouds.start("all", EVERY_FIELD, **key)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    other = {name: value for name, value in EVERY_FIELD.items() if name != field}
    answer = clouds.start("all", other, **key)
    assert (answer.status_code, answer.json()["error_code"]) == (422, "idempotency_key_reused")


def test_the_report_tells_what_a_cloud_takes(clouds: Clouds) -> None:
    fields = clouds.api.get("/cloud/picky")["cloud"]["start_fields"]
    assert list(fields) == list(EVERY_FIELD)
    assert fields["spot"] == {"supported": False, "reason": "this region has no spot capacity"}
    assert (fields["networks"]["limit"], fields["networks"]["given_as"]) == (1, ["id", "name"])
    assert fields["user_data"]["max_bytes"] == 20
    assert fields["keyname"]["excludes"] == ["ssh_keys"]
    assert fields["root_disk"]["parts"] == ["size"]
    strict = clouds.api.get("/cloud/strict")["cloud"]["start_fields"]
    assert strict["location"]["required"] is True
    assert strict["options"] == {
        "supported": False,
        "reason": "start_options of cloud strict names none that callers may give",
    }
    preset = clouds.api.get("/cloud/preset")["cloud"]["start_fields"]
    assert (preset["location"]["required"], preset["options"]["parts"]) == (False, ["rack"])


def test_what_a_start_can_name_is_listed(clouds: Clouds) -> None:
    for path, ids in (
        ("keypairs", ["key-1", "key-2"]),
        ("networks", ["net-1", "net-2", "net-3"]),
        ("firewalls", ["fw-1", "fw-2"]),
    ):
        assert [one["id"] for one in clouds.api.read(f"/clouds/all/{path}")[path]] == ids
    assert clouds.api.read("/clouds/all/networks")["networks"][0] == {
        "cidr": "10.0.1.0/24",
        "cloud": "all",
        "id": "net-1",
        "location": "1",
        "name": "private",
    }
