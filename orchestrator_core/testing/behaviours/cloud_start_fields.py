"""Behaviours C60 to C79: the optional fields of a start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from orchestrator_core.clouds.references import LISTS
from orchestrator_core.testing.behaviours.behaviour import behaviour
from orchestrator_core.testing.behaviours.cloud_reads import BaseCloudReady
from orchestrator_core.testing.targets.api import Json
from orchestrator_core.testing.targets.cloud import CloudUnderTest
from orchestrator_core.testing.targets.start_values import fault, listed, value_of, well_formed
from orchestrator_core.testing.targets.target import DoesNotApply, expect

_NO: Final = "no-such-thing"
_MOST_NAMED: Final = 8


class BaseCloudStartFields(BaseCloudReady):
    """The behaviours of the optional fields of a start."""

    @behaviour("C60", "start_vm", "list_nodes")
    def test_start_keyname(self, cloud: CloudUnderTest) -> None:
        """The ``keyname`` of a start arrives at the cloud, or is refused before any start.

        A driver that drops it creates a node into which its owner cannot log in.
        """
        _arrives(cloud, "keyname")

    @behaviour("C61", "start_vm", "list_nodes")
    def test_start_ssh_keys(self, cloud: CloudUnderTest) -> None:
        """The ``ssh_keys`` of a start arrive at the cloud, or are refused before any start.

        A cloud may drop the comment of a key.
        """
        _arrives(cloud, "ssh_keys")

    @behaviour("C62", "start_vm", "list_nodes")
    def test_start_user_data(self, cloud: CloudUnderTest) -> None:
        """The ``user_data`` of a start arrive unchanged, or are refused before any start.

        They have as many bytes as the driver's ``max_bytes`` allows, with characters outside ASCII.
        A driver encodes them once if its cloud wants that.
        """
        _arrives(cloud, "user_data")

    @behaviour("C63", "start_vm", "list_nodes")
    def test_start_networks(self, cloud: CloudUnderTest) -> None:
        """The ``networks`` of a start arrive in their order, or are refused before any start.

        The first one is the primary one. A start names two if the driver's ``limit`` allows that.
        """
        _arrives(cloud, "networks")

    @behaviour("C64", "start_vm", "list_nodes")
    def test_start_firewalls(self, cloud: CloudUnderTest) -> None:
        """The ``firewalls`` of a start all arrive, or are refused before any start.

        A driver that drops one opens or closes a node to others. A start names two if the driver's
        ``limit`` allows that.
        """
        _arrives(cloud, "firewalls")

    @behaviour("C65", "start_vm", "list_nodes")
    def test_start_location(self, cloud: CloudUnderTest) -> None:
        """The ``location`` of a start arrives, or is refused before any start.

        A node in another zone cannot use the networks and volumes of its own one.
        """
        _arrives(cloud, "location")

    @behaviour("C66", "start_vm", "list_nodes")
    def test_start_public_ip(self, cloud: CloudUnderTest) -> None:
        """The ``public_ip`` of a start arrives, or is refused before any start.

        The tests ask for an address; ``start_values`` of the fake can ask for none.
        """
        _arrives(cloud, "public_ip")

    @behaviour("C67", "start_vm", "list_nodes")
    def test_start_root_disk(self, cloud: CloudUnderTest) -> None:
        """The ``root_disk`` of a start arrives, or is refused before any start.

        A start has those of ``size`` and ``keep`` that the driver's ``parts`` allow.
        """
        _arrives(cloud, "root_disk")

    @behaviour("C68", "start_vm", "list_nodes")
    def test_start_volumes(self, cloud: CloudUnderTest) -> None:
        """The ``volumes`` of a start arrive, or are refused before any start.

        A start has one new volume, with those of ``size`` and ``keep`` that ``parts`` allow.
        """
        _arrives(cloud, "volumes")

    @behaviour("C69", "start_vm", "list_nodes")
    def test_start_tags(self, cloud: CloudUnderTest) -> None:
        """The ``tags`` of a start arrive, or are refused before any start.

        The driver may add tags of its own, such as the marker.
        """
        _arrives(cloud, "tags")

    @behaviour("C70", "start_vm", "list_nodes")
    def test_start_spot(self, cloud: CloudUnderTest) -> None:
        """The ``spot`` of a start arrives, or is refused before any start.

        A driver that drops it creates a node that costs more than its owner wants to pay.
        """
        _arrives(cloud, "spot")

    @behaviour("C71", "start_vm", "list_nodes")
    def test_start_metadata(self, cloud: CloudUnderTest) -> None:
        """The ``metadata`` of a start arrive, or are refused before any start.

        The driver may add entries of its own, such as the marker.
        """
        _arrives(cloud, "metadata")

    @behaviour("C72", "start_vm", "list_nodes")
    def test_start_options(self, cloud: CloudUnderTest) -> None:
        """The ``options`` of a start arrive, or are refused before any start.

        Only the driver knows them. ``start_values`` of the fake has some that it takes.
        """
        _arrives(cloud, "options")

    @behaviour("C73", "start_vm", "list_nodes")
    def test_names_and_ids(self, cloud: CloudUnderTest) -> None:
        """A key pair, network, firewall or location that is given by name is the right one.

        The core finds the id of a name, or the name of an id, as ``given_as`` says. A wrong
        ``id_pattern`` prevents that.
        """
        _needs_started(cloud)
        found = {field: _unique_name(cloud, field) for field in _claimed_references(cloud)}
        named = {field: name for field, name in found.items() if name is not None}
        if not named:
            raise DoesNotApply("no list has an item with a name of its own that is not its id")
        for field, name in named.items():
            _start_and_compare(cloud, "named", {field: _reference(field, name)})

    @behaviour("C74", "start_vm", "list_nodes")
    def test_ambiguous_names(self, cloud: CloudUnderTest) -> None:
        """A name that several things of the cloud have is refused with their ids; nothing starts.

        A driver must not choose one of them. The answer lists up to eight ids.
        """
        shared = {field: _shared_name(cloud, field) for field in _claimed_references(cloud)}
        found = {field: named for field, named in shared.items() if named is not None}
        if not found:
            raise DoesNotApply("no two items of a list have the same name")
        for field, (name, ids) in found.items():
            _is_refused(cloud, field, name, *ids[:_MOST_NAMED])

    @behaviour("C75", "start_vm", "list_nodes")
    def test_unknown_references(self, cloud: CloudUnderTest) -> None:
        """An unknown key pair, network, firewall or location is refused; nothing starts.

        The answer is 400 and names what is unknown. A driver without the list of these things
        raises ``InvalidParameter`` itself.
        """
        fields = [field for field in LISTS if cloud.start_fields()[field]["supported"]]
        if not fields:
            raise DoesNotApply("the cloud takes none of these fields")
        for field in fields:
            _is_refused(cloud, field, _NO)

    @behaviour("C76", "start_vm", "list_nodes")
    def test_all_fields(self, cloud: CloudUnderTest) -> None:
        """All fields that a cloud takes arrive when one start has them together.

        Of fields that exclude each other, the first one is given.
        """
        _needs_started(cloud)
        shown = {name: how for name, how in cloud.start_fields().items() if how["supported"]}
        given: Json = {}
        for field, how in shown.items():
            excludes = {name for name in given if field in shown[name]["excludes"]}
            if given.keys().isdisjoint({*how["excludes"], *excludes}):
                given |= dict(_if_possible(cloud, field))
        if not given:
            raise DoesNotApply("the cloud takes no optional field")
        _start_and_compare(cloud, "all", given)

    @behaviour("C77", "start_vm", "list_nodes")
    def test_facts(self, cloud: CloudUnderTest) -> None:
        """A node shows the image, the size and the tags of its start, or leaves them empty.

        Callers select nodes by their tags. An image or a size may be shown by its name instead of
        its id.
        """
        body = cloud.start_body("facts")
        how = cloud.start_fields()["tags"]
        tags = dict(_if_possible(cloud, "tags")) if how["supported"] else {}
        answer = cloud.try_start({**body, **tags})
        node_id = cloud.wait_until_listed(expect(answer, 200)["nodes"]["id"])["id"]
        shown = cloud.shown(node_id)
        for field in ("image", "size"):
            wanted, found = body[field], shown[field]
            is_right = found in (None, wanted) or found in _names(cloud, field, wanted)
            assert is_right, f"{field}: started with {wanted!r}, shows {found!r}"
        given = tags.get("tags", {})
        lost = {key: value for key, value in given.items() if shown["tags"].get(key) != value}
        assert not shown["tags"] or not lost, f"tags: started with {given}, shows {shown['tags']}"
        cloud.stop(node_id)


def _names(cloud: CloudUnderTest, field: str, thing: str) -> set[str]:
    """Return the name of an image or of a size; nothing if the cloud does not list them."""
    if not cloud.operations()[f"list_{field}s"]["supported"]:
        return set()
    listed = cloud.listed("images" if field == "image" else "flavors")
    return {one["name"] for one in listed if one["id"] == thing}


def _if_possible(cloud: CloudUnderTest, field: str) -> Iterator[tuple[str, Any]]:
    try:
        yield field, value_of(cloud, field)
    except DoesNotApply:
        return


def _arrives(cloud: CloudUnderTest, field: str) -> None:
    """Check that a field arrives, or that it is refused with the reason of the report."""
    how = cloud.start_fields()[field]
    if not how["supported"]:
        _is_refused(cloud, field, str(how["reason"]))
        raise DoesNotApply(f"{field}: {how['reason']}")
    _needs_started(cloud)
    _start_and_compare(cloud, field, {field: value_of(cloud, field)})


def _needs_started(cloud: CloudUnderTest) -> None:
    if cloud.subject.live:
        raise DoesNotApply("a live run cannot see what the cloud has received")
    if cloud.fake.started is None:
        raise DoesNotApply("the fake has no function started, which returns what it has received")


def _start_and_compare(cloud: CloudUnderTest, name: str, fields: Json) -> None:
    assert cloud.fake.started is not None
    answer = cloud.try_start({**cloud.start_body(name), **fields})
    node = cloud.wait_until_listed(expect(answer, 200)["nodes"]["id"])
    got = cloud.fake.started(node)
    faults = [fault(cloud, field, sent, got.get(field)) for field, sent in fields.items()]
    assert not any(faults), "; ".join(filter(None, faults))
    cloud.stop(node["id"])


def _is_refused(cloud: CloudUnderTest, field: str, *words: str) -> None:
    """Check that a start with a value of a field is refused, and that nothing is started.

    Args:
        cloud: The cloud.
        field: The field.
        words: What the message contains. If the field is taken, the first one is its value.
    """
    value = well_formed(field)
    if cloud.start_fields()[field]["supported"]:
        value = _reference(field, words[0])
    before = set(cloud.nodes())
    answer = cloud.try_start({**cloud.start_body("refused"), field: value})
    expect(answer, 400, field, *words, code="invalid_parameter")
    new = set(cloud.nodes()) - before
    assert not new, f"the start was refused, but these nodes were started: {new}"


def _reference(field: str, text: str) -> Any:
    return [text] if field in ("networks", "firewalls") else text


def _claimed_references(cloud: CloudUnderTest) -> list[str]:
    """Return the fields that name things, which the cloud takes and has lists for.

    Raises:
        DoesNotApply: There are none.
    """
    shown = cloud.start_fields()
    fields = [field for field in LISTS if shown[field]["supported"] and listed(cloud, field)]
    if not fields:
        raise DoesNotApply("the cloud takes none of these fields, or has no list for them")
    return fields


def _by_name(cloud: CloudUnderTest, field: str) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = defaultdict(list)
    for thing in listed(cloud, field):
        ids[thing["name"]].append(thing["id"])
    return ids


def _unique_name(cloud: CloudUnderTest, field: str) -> str | None:
    """Return a name that one item of a list has, and that is not its id."""
    names = (name for name, ids in _by_name(cloud, field).items() if len(ids) == 1)
    ids = {thing["id"] for thing in listed(cloud, field)}
    return next((name for name in names if name not in ids), None)


def _shared_name(cloud: CloudUnderTest, field: str) -> tuple[str, list[str]] | None:
    """Return a name that several items of a list have, and their ids."""
    for name, ids in _by_name(cloud, field).items():
        if len(ids) > 1 and name not in ids:
            return name, ids
    return None
