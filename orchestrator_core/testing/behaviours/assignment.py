"""Behaviours A1 to A22: assignment backends, as callers of assign and release see them."""

from __future__ import annotations

from functools import partial
from typing import Final

import pytest

from orchestrator_core.errors import CloudError
from orchestrator_core.model import Node
from orchestrator_core.testing.behaviours.behaviour import behaviour
from orchestrator_core.testing.targets.api import Json
from orchestrator_core.testing.targets.backend import FREE, OTHER, BackendUnderTest
from orchestrator_core.testing.targets.serving import Served
from orchestrator_core.testing.targets.suite import AssignmentSuite
from orchestrator_core.testing.targets.target import (
    DoesNotApply,
    all_ready,
    distinct,
    expect,
    together,
)

_RECORD: Final = {
    "id",
    "id_vm",
    "hostname",
    "user",
    "recipe",
    "recipe_id",
    "status",
    "status_desc",
    "cloud",
}
_NO: Final = "no-such-vm"
_UNAVAILABLE: Final = (502, 503, 504)
_MANY: Final = 12
_OK: Final = 200
_BAD: Final = 400


class BaseAssignment(AssignmentSuite):
    """The behaviours of assign, release and the list of VMs."""

    @behaviour("A1", gate=True)
    def test_it_is_ready(self, backend: BackendUnderTest) -> None:
        """A backend can be configured with the plugin, and a cloud can use it.

        The class takes the settings of its fake and creates an object.
        """
        assert backend.operations()

    @behaviour("A2", "list_vms")
    def test_vms(self, backend: BackendUnderTest) -> None:
        """The list shows every VM of the cloud once, with the nine keys of version 1.

        If a list ends after a page, callers believe that VMs are gone. If pages overlap, callers
        count VMs twice.
        """
        listed = expect(backend.api.get("/vm/status/cloud"), 200)["nodes"]
        shown = distinct(listed, "id_vm")
        for vm in listed:
            assert vm.keys() == _RECORD, f"expected the keys {sorted(_RECORD)} in {vm}"
        missing = {node.id for node in backend.nodes} - shown
        assert not missing, f"missing in the list: {missing}"
        names = {vm["id_vm"]: vm["hostname"] for vm in listed}
        for node in backend.nodes:
            assert names[node.id] == node.name, f"{node.name!r} is listed as {names[node.id]!r}"

    @behaviour("A3", "assign_vm", "resolve_vm", "list_vms")
    def test_assign_by_node(self, backend: BackendUnderTest) -> None:
        """An assign by node id assigns that VM, and the list shows its user.

        The answer names the requested node. The list shows the user, and a status other than free.
        """
        node = backend.take()
        answer = expect(backend.assign("ada", node=node.id), 200)
        _is_of(node, answer)
        assert answer["result"], "the result is empty"
        shown = backend.vms()[node.id]
        assert shown["user"] == "ada", f"it was assigned to 'ada', but the list shows {shown}"
        assert shown["status"] != FREE, f"an assigned VM is listed as free: {shown}"

    @behaviour("A4", "assign_vm", "resolve_vm")
    def test_assign_by_hostname(self, backend: BackendUnderTest) -> None:
        """An assign by hostname assigns the VM with that hostname.

        Callers of version 1 name a VM by its node id or by its hostname.
        """
        node = backend.take()
        _is_of(node, expect(backend.assign("ada", hostname=node.name), 200))

    @behaviour("A5", "assign_vm", "resolve_vm", "list_vms")
    def test_contradiction(self, backend: BackendUnderTest) -> None:
        """An assign whose node id and hostname mean different VMs is refused; neither is assigned.

        The caller has made a mistake, and either VM could be the wrong one.
        """
        one, other = backend.take(), backend.take()
        expect(backend.assign("ada", node=one.id, hostname=other.name), 400)
        vms = backend.vms()
        users = vms[one.id]["user"], vms[other.id]["user"]
        assert users == ("", ""), f"they were assigned to {users}"

    @behaviour("A6", "assign_vm", "resolve_vm")
    def test_unknown(self, backend: BackendUnderTest) -> None:
        """An assign of an unknown node id or hostname is refused.

        It is the caller's mistake, so the answer is 400: neither a failure of the backend nor
        another VM.
        """
        expect(backend.assign("nobody-else", node=_NO), 400)
        expect(backend.assign("nobody-else", hostname=_NO), 400)

    @behaviour("A7", "assign_vm", "resolve_vm")
    def test_again(self, backend: BackendUnderTest) -> None:
        """A repeated assign of a VM to the same user and application returns the same answer.

        A caller that did not get the first answer asks again.
        """
        node = backend.take()
        first = expect(backend.assign("ada", node=node.id), 200)
        again = expect(backend.assign("ada", node=node.id), 200)
        assert again == first, f"the first answer was {first}, the second {again}"

    @behaviour("A8", "assign_vm", "resolve_vm", "list_vms")
    def test_somebody_elses(self, backend: BackendUnderTest) -> None:
        """An assign of a VM that another user holds is refused, and the holder keeps it.

        A VM has one holder at a time.
        """
        node = backend.take()
        expect(backend.assign("ada", node=node.id), 200)
        expect(backend.assign("bob", node=node.id), 400)
        _is_still_adas(backend, node)

    @behaviour("A9", "assign_vm", "resolve_vm")
    def test_many_at_once(self, backend: BackendUnderTest) -> None:
        """Of many simultaneous assigns of two VMs, exactly one succeeds for each VM.

        Data that calls share must not be mixed up by threads.
        """
        ids = [backend.take().id, backend.take().id]
        asked = [(f"user-{number}", ids[number % 2]) for number in range(_MANY)]
        answers = together([partial(backend.assign, user, node=node) for user, node in asked])
        for answer in answers:
            expect(answer, (_OK, _BAD))
        given = [answer.json["id_vm"] for answer in answers if answer.status == _OK]
        assert sorted(given) == sorted(ids), f"{ids} were requested, {given} were assigned"

    @behaviour("A10", "assign_vm", "release_vm", "resolve_vm", "list_vms")
    def test_release(self, backend: BackendUnderTest) -> None:
        """A released VM has no user and is destroyed.

        The core destroys the VM when the backend has released it. After that the backend's list
        must no longer show the user.
        """
        node = backend.take()
        expect(backend.assign("ada", node=node.id), 200)
        answer = expect(backend.release(node=node.id), 200)
        _is_of(node, answer)
        assert answer["result"].endswith(" and deleted"), f"the VM was not destroyed: {answer}"
        assert node.id not in backend.in_cloud(), "the cloud still has the VM"
        shown = backend.vms().get(node.id)
        assert shown is None or not shown["user"], f"the VM still has a user: {shown}"

    @behaviour("A11", "release_vm", "resolve_vm")
    def test_release_of_what_is_free(self, backend: BackendUnderTest) -> None:
        """A release of a VM without a holder is refused, and the VM is not destroyed.

        The VM may be assigned in a moment, or may not belong to the backend's pool.
        """
        node = backend.take()
        expect(backend.release(node=node.id), 400)
        assert node.id in backend.in_cloud(), "the VM was destroyed"

    @behaviour("A12", "release_vm", "resolve_vm")
    def test_release_of_nothing(self, backend: BackendUnderTest) -> None:
        """A release of an unknown VM is refused, and nothing is destroyed.

        A released VM is destroyed, so an unknown name must not match any VM.
        """
        before = backend.in_cloud()
        for wrong in ({"node": _NO}, {"hostname": _NO}):
            answer = backend.release(**wrong)
            assert answer.status >= _BAD, f"a release of {wrong} was accepted: {answer}"
        assert backend.in_cloud() == before, f"destroyed: {before - backend.in_cloud()}"

    @behaviour("A13", "assign_vm", "release_vm", "resolve_vm")
    def test_release_by_hostname(self, backend: BackendUnderTest) -> None:
        """A release by hostname destroys the VM with that hostname.

        A hostname must mean the same VM when it is held as when it was free.
        """
        node = backend.take()
        before = backend.in_cloud()
        expect(backend.assign("ada", node=node.id), 200)
        expect(backend.release(hostname=node.name), 200)
        gone = before - backend.in_cloud()
        assert gone == {node.id}, f"{node.id!r} was released, {sorted(gone)} were destroyed"

    @behaviour("A14")
    def test_unreachable(self, backend: BackendUnderTest) -> None:
        """An unreachable backend is an error, and nothing is assigned or destroyed.

        It can be configured all the same, because it may become reachable. This is checked if the
        fake has ``unreachable``.
        """
        own = backend.fake.unreachable
        if own is None:
            raise DoesNotApply("the fake has no settings for an unreachable backend")
        node, before = backend.nodes[0].id, backend.in_cloud()
        served = backend.elsewhere(backend.settings({**own, "retries": 0}))
        all_ready(served)
        wanted = {"node": node, "user": "ada", "vm_type": "a"}
        for answer in (
            served.api.get("/vm/status/cloud"),
            served.api.put("/vm/action/assign/cloud", wanted),
            served.api.put("/vm/action/release/cloud", {"node": node}),
        ):
            expect(answer, _UNAVAILABLE)
        with pytest.raises(CloudError):
            served.check("backend")
        assert backend.in_cloud() == before, f"destroyed: {before - backend.in_cloud()}"

    @behaviour("A17", "assign_vm", "resolve_vm", "list_vms")
    def test_given_elsewhere(self, backend: BackendUnderTest) -> None:
        """An assign of a VM that was assigned without this server is refused.

        The kit sends it through a second server with its own ledger. This is checked for backends
        that keep assignments themselves (``external``).
        """
        if not backend.external:
            raise DoesNotApply("the backend keeps no assignments of its own")
        node = backend.take()
        expect(backend.assign("ada", node=node.id), 200)
        wanted = {"node": node.id, "user": "bob", "vm_type": "conformance"}
        served = backend.elsewhere(backend.settings(backend.fake.settings))
        expect(served.api.put("/vm/action/assign/cloud", wanted), 400)
        _is_still_adas(backend, node)

    @behaviour("A18", "assign_vm", "resolve_vm")
    def test_nearly_right(self, backend: BackendUnderTest) -> None:
        """Node ids and hostnames are compared whole; a similar one matches no VM.

        If beginnings were compared, ``web-1`` would mean ``web-10`` too, and a released VM is
        destroyed.
        """
        for key, known in (
            ("node", [node.id for node in backend.nodes]),
            ("hostname", [node.name for node in backend.nodes]),
        ):
            shortest = min(known, key=len)
            for wrong in {shortest[:-1], f"{shortest}x"} - {*known, ""}:
                answer = backend.assign("nobody-else", **{key: wrong})
                assert answer.status >= _BAD, f"{key} {wrong!r} was accepted: {answer}"

    @behaviour("A19", "assign_vm", "resolve_vm", "list_vms")
    def test_names(self, backend: BackendUnderTest) -> None:
        """Long and non-ASCII names of users and applications are kept unchanged, or refused.

        A changed name belongs to another user: the backend would not recognise it as the holder.
        """
        for name in ("a" * 200, "Ελλάδα 中文", "a/b?c=d&e"):
            node = backend.take()
            answer = backend.assign(name, name, node=node.id)
            expect(answer, (_OK, _BAD))
            expected = name if answer.status == _OK else ""
            user = backend.vms()[node.id]["user"]
            assert user == expected, f"{answer}, but the list shows the user {user!r}"

    @behaviour("A20", "assign_vm", "resolve_vm", "list_vms")
    def test_another_cloud(self, backend: BackendUnderTest) -> None:
        """A VM is known only in its own cloud.

        One backend may serve several clouds, and two clouds may use the same node id.
        """
        node = backend.take()
        listed = backend.api.get(f"/vm/status/{OTHER}")
        if listed.status == _OK:
            shown = {vm["id_vm"] for vm in listed.json["nodes"]}
            assert node.id not in shown, f"the list shows {node.id!r} of another cloud"
        wanted = {"node": node.id, "user": "ada", "vm_type": "conformance"}
        answer = backend.api.put(f"/vm/action/assign/{OTHER}", wanted)
        assert answer.status >= _BAD, f"{node.id!r} was assigned in another cloud: {answer}"
        assert not backend.vms()[node.id]["user"], f"{node.id!r} was assigned in its own cloud"

    @behaviour("A21")
    def test_check(self, backend: BackendUnderTest) -> None:
        """A check of a reachable backend succeeds.

        ``orchestrator check --connect`` runs it.
        """
        backend.served.check("backend")

    @behaviour("A22", "assign_vm", "release_vm", "resolve_vm", "list_vms")
    def test_namesakes(self, backend: BackendUnderTest) -> None:
        """Of two VMs with one hostname, the one named by its id is assigned, or none.

        A backend that identifies a VM by its hostname alone assigns and releases the first VM that
        it finds. Such a backend sets ``by_hostname``, and the core refuses such a VM.
        """
        served, one, other = backend.with_namesakes()
        wanted = {"node": other.id, "user": "ada", "vm_type": "conformance"}
        answer = served.api.put("/vm/action/assign/cloud", wanted)
        expect(answer, (_OK, _BAD))
        holders = {other.id} if answer.status == _OK else set()
        assert _holders(served) == holders, (
            f"{other.id!r} was requested, but {_holders(served)} have holders"
        )
        if holders:
            wanted = {"node": one.id, "user": "bob", "vm_type": "conformance"}
            expect(served.api.put("/vm/action/assign/cloud", wanted), 200)
            expect(served.api.put("/vm/action/release/cloud", {"node": other.id}), 200)
            assert _holders(served) == {one.id}, (
                f"{other.id!r} was released, but {_holders(served)} have holders, not {one.id!r}"
            )

    @behaviour("A15", last=True)
    def test_no_secret_is_shown(self, backend: BackendUnderTest) -> None:
        """No answer shows a secret of the settings.

        This checks all answers of the same suite, errors included, as they are before the core
        removes the secrets that it knows.
        """
        backend.shows_no_secret()

    @behaviour("A16", last=True)
    def test_its_errors_are_the_contracts(self, backend: BackendUnderTest) -> None:
        """The hooks raise only errors of the contract.

        This checks all calls of the same suite.
        """
        backend.raised_nothing_else()


def _holders(served: Served) -> set[str]:
    vms = expect(served.api.get("/vm/status/cloud"), 200)["nodes"]
    return {vm["id_vm"] for vm in vms if vm["user"]}


def _is_of(node: Node, answer: Json) -> None:
    assert answer["id_vm"] == node.id, f"{node.id!r} was requested, the answer is {answer}"


def _is_still_adas(backend: BackendUnderTest, node: Node) -> None:
    user = backend.vms()[node.id]["user"]
    assert user == "ada", f"'ada' holds it, but the list shows the user {user!r}"
