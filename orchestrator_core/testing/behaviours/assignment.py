"""A: what an assignment backend does, as callers of assign and release see it."""

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
    """Assigning, releasing, and what is shown of it."""

    @behaviour("A1", gate=True)
    def test_it_is_ready(self, backend: BackendUnderTest) -> None:
        """A backend can be configured with it, and a cloud can use it.

        Its class takes the settings that its fake gives, and makes an object.
        """
        assert backend.operations()

    @behaviour("A2", "list_vms")
    def test_vms(self, backend: BackendUnderTest) -> None:
        """It shows every VM of its cloud once, with the nine keys of version 1.

        A list that ends at a page, or shows what overlaps twice, makes callers take VMs for gone or
        count them double.
        """
        listed = expect(backend.api.get("/vm/status/cloud"), 200)["nodes"]
        shown = distinct(listed, "id_vm")
        for vm in listed:
            assert vm.keys() == _RECORD, f"{sorted(_RECORD)} are the keys, not those of {vm}"
        missing = {node.id for node in backend.nodes} - shown
        assert not missing, f"not shown: {missing}"
        names = {vm["id_vm"]: vm["hostname"] for vm in listed}
        for node in backend.nodes:
            assert names[node.id] == node.name, f"{node.name!r} is called {names[node.id]!r}"

    @behaviour("A3", "assign_vm", "resolve_vm", "list_vms")
    def test_assign_by_node(self, backend: BackendUnderTest) -> None:
        """The VM that is named by its node id is assigned, and shown as its user's.

        The answer names the node that was asked for, and its list shows the user and another status
        than free.
        """
        node = backend.take()
        answer = expect(backend.assign("ada", node=node.id), 200)
        _is_of(node, answer)
        assert answer["result"], "the result says nothing"
        shown = backend.vms()[node.id]
        assert shown["user"] == "ada", f"it was given to 'ada', and is shown as {shown}"
        assert shown["status"] != FREE, f"what is assigned is shown as free: {shown}"

    @behaviour("A4", "assign_vm", "resolve_vm")
    def test_assign_by_hostname(self, backend: BackendUnderTest) -> None:
        """The VM that is named by its hostname is assigned.

        Version 1's callers know VMs by either.
        """
        node = backend.take()
        _is_of(node, expect(backend.assign("ada", hostname=node.name), 200))

    @behaviour("A5", "assign_vm", "resolve_vm", "list_vms")
    def test_contradiction(self, backend: BackendUnderTest) -> None:
        """A node id and a hostname that mean different VMs are refused, and neither is assigned.

        Whoever contradicts himself has made a mistake, and either guess could be somebody else's
        VM.
        """
        one, other = backend.take(), backend.take()
        expect(backend.assign("ada", node=one.id, hostname=other.name), 400)
        vms = backend.vms()
        users = vms[one.id]["user"], vms[other.id]["user"]
        assert users == ("", ""), f"they were given to {users}"

    @behaviour("A6", "assign_vm", "resolve_vm")
    def test_unknown(self, backend: BackendUnderTest) -> None:
        """A node id or a hostname that nothing has is refused.

        The caller has made a mistake, so that it is 400: no failure of the backend, and never
        another VM.
        """
        expect(backend.assign("nobody-else", node=_NO), 400)
        expect(backend.assign("nobody-else", hostname=_NO), 400)

    @behaviour("A7", "assign_vm", "resolve_vm")
    def test_again(self, backend: BackendUnderTest) -> None:
        """Who holds a VM for an application already gets the same answer again.

        Whoever did not get the first answer asks again.
        """
        node = backend.take()
        first = expect(backend.assign("ada", node=node.id), 200)
        again = expect(backend.assign("ada", node=node.id), 200)
        assert again == first, f"{first} at first, then {again}"

    @behaviour("A8", "assign_vm", "resolve_vm", "list_vms")
    def test_somebody_elses(self, backend: BackendUnderTest) -> None:
        """What somebody holds is refused to everybody else, and stays with its holder.

        A VM has one holder, whatever others ask meanwhile.
        """
        node = backend.take()
        expect(backend.assign("ada", node=node.id), 200)
        expect(backend.assign("bob", node=node.id), 400)
        _is_still_adas(backend, node)

    @behaviour("A9", "assign_vm", "resolve_vm")
    def test_many_at_once(self, backend: BackendUnderTest) -> None:
        """Of many who want one of two VMs at the same time one gets it, and not the other.

        What is shared between calls must not be mixed up by threads.
        """
        ids = [backend.take().id, backend.take().id]
        asked = [(f"user-{number}", ids[number % 2]) for number in range(_MANY)]
        answers = together([partial(backend.assign, user, node=node) for user, node in asked])
        for answer in answers:
            expect(answer, (_OK, _BAD))
        given = [answer.json["id_vm"] for answer in answers if answer.status == _OK]
        assert sorted(given) == sorted(ids), f"{ids} were wanted, {given} were given"

    @behaviour("A10", "assign_vm", "release_vm", "resolve_vm", "list_vms")
    def test_release(self, backend: BackendUnderTest) -> None:
        """A VM that is released is nobody's, and destroyed.

        The core destroys it once the backend has let go; what the backend lists must not show its
        user any more.
        """
        node = backend.take()
        expect(backend.assign("ada", node=node.id), 200)
        answer = expect(backend.release(node=node.id), 200)
        _is_of(node, answer)
        assert answer["result"].endswith(" and deleted"), f"it is not destroyed: {answer}"
        assert node.id not in backend.in_cloud(), "it is still there"
        shown = backend.vms().get(node.id)
        assert shown is None or not shown["user"], f"it still has a user: {shown}"

    @behaviour("A11", "release_vm", "resolve_vm")
    def test_release_of_what_is_free(self, backend: BackendUnderTest) -> None:
        """A VM that nobody holds cannot be released, and is not destroyed.

        It may be about to be given away, or be nobody's business.
        """
        node = backend.take()
        expect(backend.release(node=node.id), 400)
        assert node.id in backend.in_cloud(), "it was destroyed"

    @behaviour("A12", "release_vm", "resolve_vm")
    def test_release_of_nothing(self, backend: BackendUnderTest) -> None:
        """A release of what is not there is refused, and nothing is destroyed.

        Nothing may be meant by a name that nothing has: what is released is destroyed.
        """
        before = backend.in_cloud()
        for wrong in ({"node": _NO}, {"hostname": _NO}):
            answer = backend.release(**wrong)
            assert answer.status >= _BAD, f"a release of {wrong} {answer}"
        assert backend.in_cloud() == before, f"destroyed: {before - backend.in_cloud()}"

    @behaviour("A13", "assign_vm", "release_vm", "resolve_vm")
    def test_release_by_hostname(self, backend: BackendUnderTest) -> None:
        """A VM that is released by its hostname is the one that is destroyed.

        A hostname has to mean the same VM when it is held as when it was free.
        """
        node = backend.take()
        before = backend.in_cloud()
        expect(backend.assign("ada", node=node.id), 200)
        expect(backend.release(hostname=node.name), 200)
        gone = before - backend.in_cloud()
        assert gone == {node.id}, f"{node.id!r} was released, {sorted(gone)} are gone"

    @behaviour("A14")
    def test_unreachable(self, backend: BackendUnderTest) -> None:
        """A backend that cannot be reached is an error, and nothing is assigned or destroyed.

        It can be set up all the same, since it may come back. Asked of backends whose fake gives
        ``unreachable``.
        """
        own = backend.fake.unreachable
        if own is None:
            raise DoesNotApply("its fake names no place where nobody answers")
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
        """What somebody got without this server is refused to everybody else.

        The kit asks through a second server, with a ledger of its own. Asked of backends that keep
        assignments themselves (``external``).
        """
        if not backend.external:
            raise DoesNotApply("it keeps no assignments of its own")
        node = backend.take()
        expect(backend.assign("ada", node=node.id), 200)
        wanted = {"node": node.id, "user": "bob", "vm_type": "conformance"}
        served = backend.elsewhere(backend.settings(backend.fake.settings))
        expect(served.api.put("/vm/action/assign/cloud", wanted), 400)
        _is_still_adas(backend, node)

    @behaviour("A18", "assign_vm", "resolve_vm")
    def test_nearly_right(self, backend: BackendUnderTest) -> None:
        """A node id or a hostname is compared whole: nearly the same is another one.

        By its beginning ``web-1`` would mean ``web-10`` too, and what is released is destroyed.
        """
        for key, known in (
            ("node", [node.id for node in backend.nodes]),
            ("hostname", [node.name for node in backend.nodes]),
        ):
            shortest = min(known, key=len)
            for wrong in {shortest[:-1], f"{shortest}x"} - {*known, ""}:
                answer = backend.assign("nobody-else", **{key: wrong})
                assert answer.status >= _BAD, f"{key} {wrong!r} is taken for {answer}"

    @behaviour("A19", "assign_vm", "resolve_vm", "list_vms")
    def test_names(self, backend: BackendUnderTest) -> None:
        """Long and foreign names of users and applications are kept as they are, or refused.

        A name that comes back changed is another user's: it would not be recognised as the holder.
        """
        for name in ("a" * 200, "Ελλάδα 中文", "a/b?c=d&e"):
            node = backend.take()
            answer = backend.assign(name, name, node=node.id)
            expect(answer, (_OK, _BAD))
            expected = name if answer.status == _OK else ""
            user = backend.vms()[node.id]["user"]
            assert user == expected, f"{answer}, and its user is shown as {user!r}"

    @behaviour("A20", "assign_vm", "resolve_vm", "list_vms")
    def test_another_cloud(self, backend: BackendUnderTest) -> None:
        """A VM is known in its own cloud alone.

        One backend may serve several clouds, whose node ids may be the same.
        """
        node = backend.take()
        listed = backend.api.get(f"/vm/status/{OTHER}")
        if listed.status == _OK:
            shown = {vm["id_vm"] for vm in listed.json["nodes"]}
            assert node.id not in shown, f"{node.id!r} of another cloud is shown"
        wanted = {"node": node.id, "user": "ada", "vm_type": "conformance"}
        answer = backend.api.put(f"/vm/action/assign/{OTHER}", wanted)
        assert answer.status >= _BAD, f"{node.id!r} is known in another cloud: {answer}"
        assert not backend.vms()[node.id]["user"], f"{node.id!r} is assigned"

    @behaviour("A21")
    def test_check(self, backend: BackendUnderTest) -> None:
        """A check of a backend that can be reached finds nothing.

        ``orchestrator check --connect`` asks this.
        """
        backend.served.check("backend")

    @behaviour("A22", "assign_vm", "release_vm", "resolve_vm", "list_vms")
    def test_namesakes(self, backend: BackendUnderTest) -> None:
        """Of two VMs with one hostname the one that is named by its id is meant, or none.

        A backend that can be told of a VM by its hostname alone gives away, and frees, whichever it
        finds first. It says so (``by_hostname``), and the core refuses such a VM.
        """
        served, one, other = backend.with_namesakes()
        wanted = {"node": other.id, "user": "ada", "vm_type": "conformance"}
        answer = served.api.put("/vm/action/assign/cloud", wanted)
        expect(answer, (_OK, _BAD))
        holders = {other.id} if answer.status == _OK else set()
        assert _holders(served) == holders, (
            f"{other.id!r} was meant, and held are {_holders(served)}"
        )
        if holders:
            wanted = {"node": one.id, "user": "bob", "vm_type": "conformance"}
            expect(served.api.put("/vm/action/assign/cloud", wanted), 200)
            expect(served.api.put("/vm/action/release/cloud", {"node": other.id}), 200)
            assert _holders(served) == {one.id}, f"{other.id!r} was released, not {one.id!r}"

    @behaviour("A15", last=True)
    def test_no_secret_is_shown(self, backend: BackendUnderTest) -> None:
        """No answer shows a secret of its settings.

        Asked of all answers of the same suite, errors included, as they are before the core
        takes the secrets out that it knows.
        """
        backend.shows_no_secret()

    @behaviour("A16", last=True)
    def test_its_errors_are_the_contracts(self, backend: BackendUnderTest) -> None:
        """Its hooks raise errors of the contract, and nothing else.

        Asked of all calls of the same suite.
        """
        backend.raised_nothing_else()


def _holders(served: Served) -> set[str]:
    vms = expect(served.api.get("/vm/status/cloud"), 200)["nodes"]
    return {vm["id_vm"] for vm in vms if vm["user"]}


def _is_of(node: Node, answer: Json) -> None:
    assert answer["id_vm"] == node.id, f"{node.id!r} was meant, the answer is {answer}"


def _is_still_adas(backend: BackendUnderTest, node: Node) -> None:
    user = backend.vms()[node.id]["user"]
    assert user == "ada", f"'ada' had it, and it is shown as given to {user!r}"
