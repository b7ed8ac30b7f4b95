"""VMs that share a hostname, with a backend that knows VMs by hostname alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_core import NodeState, Vm
from tests.selection.clouds import Named, namesakes_world

GONE = NodeState.TERMINATED


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Named]:
    with namesakes_world(tmp_path) as one:
        yield one


def test_a_vm_with_an_unknown_namesake_is_not_assigned(named: Named) -> None:
    """The backend does not know the other VM; its cloud shows it."""
    one, other = named.known("one", "web"), named.has("other", "Web")
    for wanted in ({"node": one}, {"hostname": "web"}):
        answer = named.assign(**wanted)
        assert (answer.status, answer.error_code) == (400, "refused")
        assert one in answer.message
        assert other in answer.message
        assert "hostname" in answer.message
    assert named.record(one).user == ""


def test_a_namesake_in_another_cloud_of_the_backend_counts(named: Named) -> None:
    one, other = named.known("one", "db"), named.has("other", "db", cloud="second")
    answer = named.assign(node=one)
    assert (answer.status, answer.error_code) == (400, "refused")
    assert f"Node {one} of cloud cloud" in answer.message
    assert f"node {other} of cloud second" in answer.message


def test_a_namesake_that_is_terminated_or_in_a_cloud_of_another_backend_does_not_count(
    named: Named,
) -> None:
    one = named.known("one", "app")
    named.has("ended", "app", GONE)
    named.has("ended-too", "app", GONE, cloud="second")
    named.has("elsewhere", "app", cloud="third")
    assert named.assign(node=one).status == 200
    assert named.record(one).user == "ann"


def test_a_cloud_that_cannot_be_listed_counts_with_what_the_backend_knows_of_it(
    named: Named,
) -> None:
    one = named.known("one", "app")
    two, other = named.known("two", "db"), named.known("other", "db", cloud="second")
    named.fail("second")
    assert named.assign(node=one).status == 200
    answer = named.assign(node=two)
    assert answer.status == 400
    assert other in answer.message


def test_a_release_is_refused_while_the_backend_knows_a_namesake(named: Named) -> None:
    one = named.known("one", "web")
    assert named.assign(node=one).status == 200
    other = named.known("other", "web", cloud="second")
    answer = named.release(node=one)
    assert (answer.status, answer.error_code) == (400, "refused")
    assert one in answer.message
    assert other in answer.message
    assert (named.record(one).user, one in named.nodes) == ("ann", True)
    del named.clouds["second"][other]
    assert named.release(node=one).status == 200
    assert one not in named.nodes


def test_a_namesake_that_the_backend_does_not_know_does_not_hold_a_release_up(
    named: Named,
) -> None:
    one = named.known("one", "web")
    assert named.assign(node=one).status == 200
    other = named.has("other", "web")
    assert named.release(node=one).status == 200
    assert (one in named.nodes, other in named.nodes) == (False, True)


def test_a_release_means_the_vm_that_was_assigned_and_no_namesake(named: Named) -> None:
    """The backend has forgotten the assigned VM, and knows another VM by its name."""
    one = named.known("one", "web")
    assert named.assign(node=one).status == 200
    other = named.known("other", "web")
    named.record(other).user = "ann"
    named.forget(one)
    for wanted in ({"node": other}, {"hostname": "web"}):
        answer = named.release(**wanted)
        assert (answer.status, answer.error_code) == (400, "refused")
        assert one in answer.message
    assert named.record(other).user == "ann"
    assert other in named.nodes


def test_a_status_shows_an_assignment_at_the_vm_that_has_it(named: Named) -> None:
    """A backend that joins users by hostname shows one assignment twice."""
    one = named.known("one", "web")
    assert named.assign(node=one).status == 200
    other = named.known("other", "web")
    elsewhere = named.known("elsewhere", "web", cloud="second")
    lonely = named.known("lonely", "web-2")
    for namesake in (other, elsewhere):
        _give(named.record(namesake))
    shown = {vm["id_vm"]: vm for vm in named.api.get("/vm/status").json["nodes"]}
    assert (shown[one]["user"], shown[one]["status"]) == ("ann", 2)
    assert (shown[other]["user"], shown[other]["status"]) == ("", 5)
    assert (shown[lonely]["user"], shown[lonely]["status"]) == ("", 1)
    (there,) = named.api.get("/vm/status/second").json["nodes"]
    assert (there["user"], there["status"]) == ("", 5)
    _free(named.record(one))
    shown = {vm["id_vm"]: vm for vm in named.api.get("/vm/status").json["nodes"]}
    assert (shown[one]["user"], shown[one]["recipe"], shown[one]["status"]) == ("ann", "app", 2)


def _give(vm: Vm) -> None:
    vm.user, vm.recipe, vm.status, vm.status_desc = "ann", "app", 2, "ASSIGNED"


def _free(vm: Vm) -> None:
    vm.user, vm.recipe, vm.status, vm.status_desc = "", "", 1, "FREE"
