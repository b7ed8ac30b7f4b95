"""Resolution of node ids and hostnames to VMs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_cistern.resolve import resolve
from orchestrator_core import InvalidParameter, NodeNotFound, Vm


def vms(*pairs: tuple[str, str]) -> list[Vm]:
    return [Vm(n, id_vm, name, cloud="aws") for n, (id_vm, name) in enumerate(pairs, 1)]


def find(known: list[Vm], node: str | None = None, hostname: str | None = None) -> Vm:
    return resolve("Backend brain", "aws", known, node, hostname)


def test_by_node_by_hostname_and_by_both() -> None:
    known = vms(("i-1", "web1"), ("i-2", "web2"))

    assert find(known, node="i-2") is known[1]
    assert find(known, hostname="web2") is known[1]
    assert find(known, node="i-2", hostname="web2") is known[1]


def test_unknown_ones_are_not_found() -> None:
    known = vms(("i-1", "web1"))

    with pytest.raises(NodeNotFound, match="Backend brain knows no node 'web1' in cloud aws"):
        find(known, node="web1")
    with pytest.raises(NodeNotFound, match="Backend brain knows no hostname 'WEB1' in cloud aws"):
        find(known, hostname="WEB1")
    with pytest.raises(NodeNotFound):
        find(known, node="i-2", hostname="web1")
    with pytest.raises(NodeNotFound):
        find(known, node="i-1", hostname="web2")


def test_both_must_be_the_same_vm() -> None:
    known = vms(("i-1", "web1"), ("i-2", "web2"))

    with pytest.raises(InvalidParameter, match="'web2' is node 'i-2', but node is 'i-1'") as caught:
        find(known, node="i-1", hostname="web2")
    assert caught.value.field == "hostname"


def test_a_hostname_of_several_is_refused_naming_them() -> None:
    known = vms(("i-1", "web"), ("i-2", "web"), ("i-3", "other"))

    with pytest.raises(InvalidParameter, match=r"'web' fits several .*'i-1'.*'i-2'") as caught:
        find(known, hostname="web")
    assert caught.value.field == "hostname"
    assert "i-3" not in caught.value.message
    with pytest.raises(InvalidParameter, match="fits several"):
        find(known, node="i-1", hostname="web")


def test_a_node_whose_hostname_is_shared_is_refused_naming_them() -> None:
    known = vms(("i-1", "web"), ("i-2", "Web"), ("i-3", "other"))

    with pytest.raises(InvalidParameter, match=r"cannot be distinguished .*'i-1'.*'i-2'") as caught:
        find(known, node="i-1")
    assert caught.value.field == "node"
    with pytest.raises(InvalidParameter, match="cannot be distinguished"):
        find(known, hostname="Web")


def test_two_records_of_one_node_are_refused() -> None:
    known = vms(("i-1", "web1"), ("i-1", "web2"))

    with pytest.raises(InvalidParameter, match=r"'i-1' fits several .*web1.*web2"):
        find(known, node="i-1")
    with pytest.raises(InvalidParameter, match=r"cannot be distinguished .*web1.*web2"):
        find(known, hostname="web1")


def test_a_vm_without_hostname_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="has no hostname"):
        find(vms(("i-1", "")), node="i-1")


def test_a_vm_of_another_cloud_is_refused() -> None:
    stranger = Vm(1, "i-1", "web1", cloud="gce")

    with pytest.raises(InvalidParameter, match="belongs to cloud 'gce', not to 'aws'"):
        find([stranger], node="i-1")


def test_one_of_them_must_be_given() -> None:
    with pytest.raises(InvalidParameter, match="node or hostname"):
        find([])


def test_long_lists_of_names_are_cut() -> None:
    known = vms(*((f"i-{n}", "web") for n in range(500)))

    with pytest.raises(InvalidParameter, match=r"and 490 more$"):
        find(known, hostname="web")


WORD = st.sampled_from(["a", "b", "A", "", "c"])


@settings(deadline=None)
@given(st.lists(st.tuples(WORD, WORD)), st.none() | WORD, st.none() | WORD)
def test_what_is_found_is_the_only_one_that_could_be_meant(
    pairs: list[tuple[str, str]], node: str | None, hostname: str | None
) -> None:
    known = vms(*pairs)
    try:
        found = find(known, node, hostname)
    except (InvalidParameter, NodeNotFound):
        return
    assert node in (None, found.id_vm)
    assert hostname in (None, found.hostname)
    assert [vm for vm in known if vm.id_vm == found.id_vm] == [found]
    assert [vm for vm in known if vm.hostname.lower() == found.hostname.lower()] == [found]
