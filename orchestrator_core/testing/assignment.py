"""A: what an assignment backend does, as callers of assign and release see it."""

from __future__ import annotations

from functools import partial
from typing import Final

from orchestrator_core.testing.backend_under_test import FREE, BackendUnderTest
from orchestrator_core.testing.behaviour import behaviour
from orchestrator_core.testing.suite import AssignmentSuite
from orchestrator_core.testing.under_test import DoesNotApply, distinct, expect, together

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


class BaseAssignment(AssignmentSuite):
    """Assigning, releasing, and what is shown of it."""

    @behaviour("A1", gate=True)
    def test_it_is_ready(self, backend: BackendUnderTest) -> None:
        """A backend can be configured with it, and a cloud can use it."""
        assert backend.operations()

    @behaviour("A2", "list_vms")
    def test_vms(self, backend: BackendUnderTest) -> None:
        """It shows every VM of its cloud once, with the nine keys of version 1."""
        listed = expect(backend.api.get("/vm/status/cloud"), 200)["nodes"]
        shown = distinct(listed, "id_vm")
        for vm in listed:
            assert vm.keys() == _RECORD, vm
        missing = {node.id for node in backend.nodes} - shown
        assert not missing, f"not shown: {missing}"

    @behaviour("A3", "assign_vm", "resolve_vm", "list_vms")
    def test_assign_by_node(self, backend: BackendUnderTest) -> None:
        """The VM that is named by its node id is assigned, and shown as its user's."""
        node = backend.take()
        answer = expect(backend.assign("ada", node=node.id), 200)
        assert answer["id_vm"] == node.id, answer
        assert answer["result"], "the result says nothing"
        shown = backend.vms()[node.id]
        assert shown["user"] == "ada", shown
        assert shown["status"] != FREE, shown

    @behaviour("A4", "assign_vm", "resolve_vm")
    def test_assign_by_hostname(self, backend: BackendUnderTest) -> None:
        """The VM that is named by its hostname is assigned."""
        node = backend.take()
        answer = expect(backend.assign("ada", hostname=node.name), 200)
        assert answer["id_vm"] == node.id, answer

    @behaviour("A5", "assign_vm", "resolve_vm", "list_vms")
    def test_contradiction(self, backend: BackendUnderTest) -> None:
        """A node id and a hostname that mean different VMs are refused, and neither is assigned."""
        one, other = backend.take(), backend.take()
        expect(backend.assign("ada", node=one.id, hostname=other.name), 400)
        vms = backend.vms()
        assert (vms[one.id]["user"], vms[other.id]["user"]) == ("", ""), vms

    @behaviour("A6", "assign_vm", "resolve_vm")
    def test_unknown(self, backend: BackendUnderTest) -> None:
        """A node id or a hostname that nothing has is refused."""
        expect(backend.assign("ada", node=_NO), 400)
        expect(backend.assign("ada", hostname=_NO), 400)

    @behaviour("A7", "assign_vm", "resolve_vm")
    def test_again(self, backend: BackendUnderTest) -> None:
        """Who holds a VM for an application already gets the same answer again."""
        node = backend.take()
        first = expect(backend.assign("ada", node=node.id), 200)
        again = expect(backend.assign("ada", node=node.id), 200)
        assert again == first, f"{first} at first, then {again}"

    @behaviour("A8", "assign_vm", "resolve_vm", "list_vms")
    def test_somebody_elses(self, backend: BackendUnderTest) -> None:
        """What somebody holds is refused to everybody else, and stays with its holder."""
        node = backend.take()
        expect(backend.assign("ada", node=node.id), 200)
        expect(backend.assign("bob", node=node.id), 400)
        assert backend.vms()[node.id]["user"] == "ada"

    @behaviour("A9", "assign_vm", "resolve_vm")
    def test_many_at_once(self, backend: BackendUnderTest) -> None:
        """Of many who want one VM at the same time one gets it."""
        node = backend.take()
        users = [f"user-{number}" for number in range(_MANY)]
        answers = together([partial(backend.assign, user, node=node.id) for user in users])
        statuses = [answer.status for answer in answers]
        assert statuses.count(200) == 1, statuses
        assert set(statuses) == {200, 400}, statuses

    @behaviour("A10", "assign_vm", "release_vm", "resolve_vm", "list_vms")
    def test_release(self, backend: BackendUnderTest) -> None:
        """A VM that is released is nobody's, and destroyed."""
        node = backend.take()
        expect(backend.assign("ada", node=node.id), 200)
        answer = expect(backend.release(node=node.id), 200)
        assert answer["id_vm"] == node.id, answer
        assert answer["result"].endswith(" and deleted"), answer
        assert node.id not in backend.in_cloud(), "it is still there"
        shown = backend.vms().get(node.id)
        assert shown is None or not shown["user"], shown

    @behaviour("A11", "release_vm", "resolve_vm")
    def test_release_of_what_is_free(self, backend: BackendUnderTest) -> None:
        """A VM that nobody holds cannot be released, and is not destroyed."""
        node = backend.take()
        expect(backend.release(node=node.id), 400)
        assert node.id in backend.in_cloud(), "it was destroyed"

    @behaviour("A12", "release_vm", "resolve_vm")
    def test_release_of_nothing(self, backend: BackendUnderTest) -> None:
        """A release of what is not there is refused, and nothing is destroyed."""
        before = backend.in_cloud()
        expect(backend.release(node=_NO), 400)
        expect(backend.release(hostname=_NO), 400)
        assert backend.in_cloud() == before

    @behaviour("A13", "assign_vm", "release_vm", "resolve_vm")
    def test_release_by_hostname(self, backend: BackendUnderTest) -> None:
        """A VM that is released by its hostname is the one that is destroyed."""
        node = backend.take()
        before = backend.in_cloud()
        expect(backend.assign("ada", hostname=node.name), 200)
        expect(backend.release(hostname=node.name), 200)
        assert before - backend.in_cloud() == {node.id}

    @behaviour("A14")
    def test_unreachable(self, backend: BackendUnderTest) -> None:
        """A backend that cannot be reached is an error, and nothing is assigned or destroyed.

        Asked of backends whose fake gives ``unreachable``.
        """
        own = backend.fake.unreachable
        if own is None:
            raise DoesNotApply("its fake names no place where nobody answers")
        node = backend.nodes[0]
        with backend.elsewhere({**own, "retries": 0}) as api:
            for answer in (
                api.get("/vm/status/cloud"),
                api.put(
                    "/vm/action/assign/cloud", {"node": node.id, "user": "ada", "vm_type": "a"}
                ),
                api.put("/vm/action/release/cloud", {"node": node.id}),
            ):
                assert answer.status in _UNAVAILABLE, answer

    @behaviour("A15")
    def test_no_secret_is_shown(self, backend: BackendUnderTest) -> None:
        """No answer shows a secret of its settings.

        Asked of all answers of the same suite, errors included.
        """
        backend.shows_no_secret()

    @behaviour("A16")
    def test_its_errors_are_the_contracts(self, backend: BackendUnderTest) -> None:
        """Its hooks raise errors of the contract, and nothing else.

        Asked of all calls of the same suite.
        """
        backend.raised_nothing_else()
