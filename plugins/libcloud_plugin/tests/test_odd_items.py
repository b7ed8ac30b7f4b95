"""Malformed items in lists, in every variant, for every driver that has recorded answers.

The list stays complete with all other items unchanged, or an error names the item and its field.
Hypothesis picks items, fields and variants from the recorded answers; ``make soak`` tries them all.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from malformed_answers import WAYS, Item, at, changed, items_of, named, parsed
from recorded_clouds import LISTS, Recorded, class_names, recorded

from orchestrator_core import NodeState, OrchestratorError
from orchestrator_libcloud.odd_items import odd_search

CLOUDS: Final = {
    "abiquo": "test_abiquo.AbiquoNodeDriverTest",
    "auroracompute": "test_auroracompute.AuroraComputeNodeDriverTestCase",
    "azure": "test_azure.AzureNodeDriverTests",
    "azure_arm": "test_azure_arm.AzureNodeDriverTests",
    "brightbox": "test_brightbox.BrightboxTest",
    "cloudscale": "test_cloudscale.CloudscaleTests",
    "cloudsigma": "test_cloudsigma_v2_0.CloudSigmaAPI20DirectTestCase",
    "cloudstack": "test_cloudstack.CloudStackTestCase",
    "digitalocean": "test_digitalocean_v2.DigitalOcean_v2_Tests",
    "dimensiondata": "test_dimensiondata_v2_4.DimensionData_v2_4_Tests",
    "ec2": "test_ec2.EC2Tests",
    "ecs": "test_ecs.ECSDriverTestCase",
    "equinixmetal": "test_equinixmetal.EquinixMetalTest",
    "exoscale": "test_exoscale.ExoscaleNodeDriverTestCase",
    "gandi": "test_gandi.GandiTests",
    "gce": "test_gce.GCENodeDriverTest",
    "gig_g8": "test_gig_g8.G8Tests",
    "gridscale": "test_gridscale.Gridscale_Tests",
    "ikoula": "test_ikoula.IkoulaNodeDriverTestCase",
    "internetsolutions": "test_internetsolutions.InternetSolutionsNodeDriverTests",
    "kamatera": "test_kamatera.KamateraNodeDriverTests",
    "ktucloud": "test_ktucloud.KTUCloudNodeDriverTest",
    "kubevirt": "test_kubevirt.KubeVirtTestCase",
    "linode": "test_linode_v4.LinodeTestsV4",
    "maxihost": "test_maxihost.MaxihostTest",
    "ntta": "test_ntta.NTTAmericaNodeDriverTests",
    "nttcis": "test_nttcis._Nttcis",
    "onapp": "test_onapp.OnAppNodeTestCase",
    "opennebula": "test_opennebula.OpenNebula_3_8_Tests",
    "openstack": "test_openstack.OpenStack_2_Tests",
    "ovh": "test_ovh.OvhTests",
    "rackspace": "test_rackspace.RackspaceNovaDfwTests",
    "rimuhosting": "test_rimuhosting.RimuHostingTest",
    "scaleway": "test_scaleway.Scaleway_Tests",
    "upcloud": "test_upcloud.UpcloudDriverTests",
    "vcl": "test_vcl.VCLTests",
    "vcloud": "test_vcloud.VCloud_5_5_Tests",
    "vpsnet": "test_vpsnet.VPSNetTests",
    "vultr": "test_vultr_v2.VultrTestsV2",
}
"""The test class with the recorded answers, by the driver's module."""

_OF_ANOTHER_KIND: Final = {
    # Libcloud drops images of data centres that the account does not have.
    **{
        (name, "list_images"): frozenset({"datacenterId"})
        for name in ("dimensiondata", "internetsolutions", "ntta", "nttcis")
    },
    # A zone that is out of order accepts no starts.
    ("openstack", "list_locations"): frozenset({"available"}),
    ("azure_arm", "list_locations"): frozenset({"resourceType"}),
    ("cloudsigma", "list_images"): frozenset({"image_type"}),
    ("equinixmetal", "list_sizes"): frozenset({"line"}),
    ("vcloud", "list_images"): frozenset({"type", "href"}),
    # Libcloud makes these from the nodes' volumes, one for each name.
    ("kubevirt", "list_images"): frozenset({"name", "claimName", "uid"}),
}
"""Fields that say what kind of object an item is: with another value it does not belong to the
list."""

_STATE_OF_ANOTHER_FIELD: Final = frozenset({"gridscale"})
"""Drivers whose ``status`` is not the state: Gridscale's state is ``power``."""

_EXAMPLES: Final = 3
"""The number of changes that the short run tries for each list."""
_SOAK: Final = 300
"""The most changes of one list in the long run."""


@dataclass(frozen=True)
class Change:
    """One field of one item, and its variant."""

    listed: str
    index: int
    item: Item
    way_to: tuple[Any, ...]
    way: str
    other: Item | None = None
    """The same field of another item of the same answer."""


class Bench:
    """One driver's lists as recorded, for changes.

    Attributes:
        changes: every possible change.
    """

    def __init__(self, name: str, cloud: Recorded) -> None:
        self._name = name
        self._cloud = cloud
        self._before: dict[str, list[Any]] = {}
        self._bodies: dict[str, list[str]] = {}
        self.changes: dict[str, list[Change]] = {}
        for listed in LISTS:
            self._record(listed)

    def _record(self, listed: str) -> None:
        try:
            before = self._cloud.call(listed)
        except OrchestratorError:
            return  # Another test lists the required lists.
        bodies = list(self._cloud.edge.bodies)
        items = items_of(bodies, [thing.id for thing in before])
        changes = [
            Change(listed, index, item, field, way, _another(items, item))
            for index, item in enumerate(items)
            if item is not None
            for field in item.fields
            for way in WAYS
        ]
        if changes:
            self._before[listed], self._bodies[listed] = before, bodies
            self.changes[listed] = changes

    def names(self, change: Change) -> list[str]:
        """Return the names on the path to a change's field."""
        tree = parsed(self._bodies[change.listed][change.item.body])
        return named(tree, change.item, change.way_to)

    def result_of(self, change: Change) -> str:
        """Return the result of a change: ``whole``, ``named`` or ``none``, or fail."""
        bodies = self._bodies[change.listed]
        old = bodies[change.item.body]
        other = (*change.other.path, *change.way_to) if change.other else None
        new = changed(old, (*change.item.path, *change.way_to), change.way, other)
        names = self.names(change)
        if new is None or names[-1] in self._other_kind(change.listed):
            return "none"

        def mutate(number: int, body: str) -> str:
            return new if number == change.item.body and body == old else body

        where = f"{self._name} {change.listed} {'.'.join(names)}: {change.way}"
        try:
            after = self._cloud.call(change.listed, mutate)
        except OrchestratorError as error:
            self._check_error(str(error), change, names, where)
            return "named"
        self._check_whole(after, change, names, where)
        return "whole"

    def _other_kind(self, listed: str) -> frozenset[str]:
        return _OF_ANOTHER_KIND.get((self._name, listed), frozenset())

    def _check_error(self, text: str, change: Change, names: list[str], where: str) -> None:
        thing = self._before[change.listed][change.index]
        is_item = thing.id in text or thing.name in text or any(c.isdigit() for c in text)
        kind = change.listed.removeprefix("list_").removesuffix("s")
        assert is_item, f"{where}: {text}"
        assert kind in text, f"{where}: {text}"
        assert any(name in text for name in names), f"{where}: {text}"

    def _check_whole(self, after: list[Any], change: Change, names: list[str], where: str) -> None:
        before = self._before[change.listed]
        thing = before[change.index]
        assert len(after) == len(before), where
        # Recorded answers may have one thing twice, and its fields are then mended in both places.
        others = Counter(repr(one) for one in before if one.id != thing.id)
        assert not others - Counter(map(repr, after)), where
        if not self._holds_id(change, thing):
            assert thing.id in {one.id for one in after}, where
        tells_state = names == ["status"] and self._name not in _STATE_OF_ANOTHER_FIELD
        if tells_state and change.way == "unknown value" and hasattr(thing, "state"):
            state = next(one.state for one in after if one.id == thing.id)
            assert state is NodeState.UNKNOWN, where

    def _holds_id(self, change: Change, thing: Any) -> bool:
        tree = parsed(self._bodies[change.listed][change.item.body])
        old = at(tree, (*change.item.path, *change.way_to))
        words = list(old.itertext()) if hasattr(old, "itertext") else [repr(old)]
        return any(thing.id in word or (word and word in thing.id) for word in words)


def _another(items: list[Item | None], item: Item) -> Item | None:
    others = (one for one in items if one is not None and one.body == item.body)
    return next((one for one in others if one.path != item.path), None)


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", CLOUDS)
def test_a_list_with_an_odd_item(name: str) -> None:
    with recorded(CLOUDS[name]) as cloud:
        assert cloud is not None
        bench = Bench(name, cloud)
        assert bench.changes

        @settings(
            max_examples=_EXAMPLES * len(bench.changes),
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.data())
        def stays_whole_or_is_named(data: st.DataObject) -> None:
            listed = data.draw(st.sampled_from(sorted(bench.changes)))
            bench.result_of(data.draw(st.sampled_from(bench.changes[listed])))

        stays_whole_or_is_named()


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", CLOUDS)
def test_a_list_with_every_odd_item(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(13)
    wrong: list[str] = []
    with recorded(CLOUDS[name]) as cloud:
        assert cloud is not None
        bench = Bench(name, cloud)
        come: Counter[str] = Counter()
        for changes in bench.changes.values():
            for change in chance.sample(changes, min(len(changes), _SOAK)):
                try:
                    come[bench.result_of(change)] += 1
                except AssertionError as error:
                    wrong.append(str(error).partition("\n")[0])
    with capsys.disabled():
        print(f"\n{name}: {come['whole']} whole, {come['named']} errors, {len(wrong)} wrong")  # noqa: T201
    assert not wrong, "\n".join(wrong[:40])


@pytest.mark.soak
def test_every_driver_with_recorded_answers_is_here() -> None:
    modules = set()
    for name in class_names():
        with recorded(name) as cloud:
            if cloud is not None:
                modules.add(type(cloud.driver).__module__.rpartition(".")[2])
    # vSphere's belong to Libcloud's REST driver, which no provider's name selects.
    assert modules - {"test_kamatera", "vsphere"} == CLOUDS.keys()


def test_a_vm_without_a_network_profile() -> None:
    with recorded(CLOUDS["azure_arm"]) as cloud:
        assert cloud is not None
        bench = Bench("azure_arm", cloud)
        changes = [
            change
            for change in bench.changes["list_nodes"]
            if change.way_to == ("properties", "networkProfile") and change.way == "missing"
        ]
        assert changes
        assert {bench.result_of(change) for change in changes} == {"whole"}


def _changes(bench: Bench, listed: str, field: str, way: str) -> list[Change]:
    return [
        change
        for change in bench.changes[listed]
        if change.way == way and ".".join(bench.names(change)) == field
    ]


def test_a_field_that_a_driver_looks_up_in_a_text_of_its_own() -> None:
    with recorded(CLOUDS["azure"]) as cloud:
        assert cloud is not None
        bench = Bench("azure", cloud)
        changes = _changes(bench, "list_locations", "ComputeCapabilities", "missing")
        assert changes
        assert {bench.result_of(change) for change in changes} == {"whole"}


def test_an_error_about_none_names_the_missing_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(odd_search, "empty_values", lambda *_: ())
    monkeypatch.setattr(odd_search, "filled_values", lambda *_: ())
    with recorded(CLOUDS["azure"]) as cloud:
        assert cloud is not None
        bench = Bench("azure", cloud)
        changes = _changes(bench, "list_locations", "ComputeCapabilities", "missing")
        assert changes
        assert {bench.result_of(change) for change in changes} == {"named"}


@pytest.mark.parametrize("name", ["abiquo", "gce"])
def test_two_images_with_one_id_are_both_shown(name: str) -> None:
    with recorded(CLOUDS[name]) as cloud:
        assert cloud is not None
        bench = Bench(name, cloud)
        changes = _changes(bench, "list_images", "id", "that of another item")
        assert changes
        assert {bench.result_of(change) for change in changes[:8]} == {"whole"}


def test_an_odd_plan_leaves_the_states_of_other_nodes() -> None:
    with recorded(CLOUDS["vultr"]) as cloud:
        assert cloud is not None
        bench = Bench("vultr", cloud)
        changes = _changes(bench, "list_nodes", "plan", "white space")
        assert changes
        assert {bench.result_of(change) for change in changes} == {"whole"}


def test_an_error_names_the_list_in_which_a_driver_finds_nothing() -> None:
    with recorded(CLOUDS["openstack"]) as cloud:
        assert cloud is not None
        bench = Bench("openstack", cloud)
        changes = _changes(bench, "list_nodes", "links.0.rel", "white space")
        assert changes
        assert {bench.result_of(change) for change in changes} == {"named"}
