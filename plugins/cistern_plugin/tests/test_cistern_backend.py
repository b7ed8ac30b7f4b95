"""The backend's hooks: requests to Cistern, and its answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator_cistern import CisternBackend
from orchestrator_core import (
    AssignRequest,
    CredentialsRefused,
    Deadline,
    InvalidAnswer,
    InvalidParameter,
    NodeNotFound,
    Refused,
    Vm,
)

Make = Callable[..., CisternBackend]


def vm(id_vm: str = "i-1", hostname: str = "web1", **other: Any) -> Vm:
    return Vm(id=1, id_vm=id_vm, hostname=hostname, **{"cloud": "aws", **other})


def assign(backend: CisternBackend, target: Vm, user: str = "ann") -> Any:
    return backend.assign_vm(AssignRequest("aws", target, user, "web"), Deadline(5))


def test_a_list_is_what_cistern_says(cistern_server: Any, backend: CisternBackend) -> None:
    cistern_server.add("aws", "i-1", "web1")
    cistern_server.add("aws", "i-2", "web2", "ann", recipe="web", recipe_id=2)
    cistern_server.add("gce", "g-1", "other")

    assert backend.list_vms("aws", Deadline(5)) == [
        Vm(1, "i-1", "web1", "", "", None, 1, "FREE", "aws"),
        Vm(2, "i-2", "web2", "ann", "web", 2, 2, "ASSIGNED", "aws"),
    ]
    asked = cistern_server.requests[-1]
    assert (asked.method, asked.path) == ("GET", "/api/v1/nodes/aws")
    assert asked.body == {"with_faulty_nodes": False}
    assert "authorization" not in asked.headers


def test_a_cloud_without_vms_is_an_empty_list(backend: CisternBackend) -> None:
    assert backend.list_vms("aws", Deadline(5)) == []


def test_faulty_vms_are_listed_when_the_settings_say_so(
    cistern_server: Any, backend: CisternBackend, make_backend: Make
) -> None:
    cistern_server.add("aws", "i-1", "web1", status=5, status_desc="FAULTY")

    assert backend.list_vms("aws", Deadline(5)) == []
    thorough = make_backend(url=cistern_server.url, with_faulty_nodes=True)
    assert [found.status for found in thorough.list_vms("aws", Deadline(5))] == [5]


def test_what_is_null_or_left_out_gets_a_sensible_value(
    cistern_server: Any, backend: CisternBackend
) -> None:
    nothing = dict.fromkeys(("user", "recipe", "recipe_id", "status_desc", "cloud"))
    cistern_server.add("aws", "i-1", "web1").update(nothing)
    cistern_server.nodes["aws"].append(
        {"id": "x9", "id_vm": 77, "status": None, "hostname": None, "new": {"key": [1]}}
    )
    cistern_server.nodes["aws"].append({"id": 3, "id_vm": "i-3", "status": 42})

    assert backend.list_vms("aws", Deadline(5)) == [
        Vm(1, "i-1", "web1", "", "", None, 1, "FREE", "aws"),
        Vm("x9", "77", "", "", "", None, 5, "FAULTY", "aws"),  # never free by default
        Vm(3, "i-3", "", "", "", None, 42, "", "aws"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": None},
        {"id": True},
        {"id": 1.5},
        {"id": ""},
        {"id_vm": None},
        {"id_vm": ""},
        {"id_vm": ["i-1"]},
        {"hostname": 5},
        {"user": {}},
        {"recipe_id": 2**70},
        {"status": "FREE"},
        {"status": False},
        {"status_desc": "\ud800"},
    ],
)
def test_one_wrong_record_spoils_the_list(
    cistern_server: Any, backend: CisternBackend, wrong: dict[str, Any]
) -> None:
    cistern_server.add("aws", "i-0", "web0")
    cistern_server.add("aws", "i-1", "web1").update(wrong)

    with pytest.raises(InvalidAnswer, match=rf"Backend brain .*nodes\.1\.{next(iter(wrong))}: "):
        backend.list_vms("aws", Deadline(5))


def test_assign_and_release(cistern_server: Any, backend: CisternBackend) -> None:
    record = cistern_server.add("aws", "i-1", "web1")
    target = backend.resolve_vm("aws", "i-1", None, Deadline(5))

    done = assign(backend, target)
    assert (done.id, done.id_vm, done.result) == (1, "i-1", "Node i-1 assigned")
    assert (record["user"], record["recipe"]) == ("ann", "web")
    asked = cistern_server.requests[-1]
    assert (asked.method, asked.path) == ("POST", "/api/v1/vm/assign/aws")
    assert asked.body == {"hostname": "web1", "user": "ann", "vm_type": "web"}

    done = backend.release_vm("aws", target, Deadline(5))
    assert (done.id, done.id_vm, done.result) == (1, "i-1", "Node i-1 released")
    assert record["user"] == ""
    asked = cistern_server.requests[-1]
    assert (asked.method, asked.path) == ("PUT", "/api/v1/vm/release/aws")
    assert asked.body == {"hostname": "web1"}


def test_a_refusal_is_passed_on_in_cisterns_words(
    cistern_server: Any, backend: CisternBackend
) -> None:
    cistern_server.add("aws", "i-1", "web1", "ann")
    cistern_server.add("aws", "i-2", "web2")

    with pytest.raises(Refused) as caught:
        assign(backend, vm())
    assert caught.value.message == "Node i-1 is already assigned"
    with pytest.raises(Refused) as caught:
        backend.release_vm("aws", vm("i-2", "web2"), Deadline(5))
    assert caught.value.message == "Node i-2 is not assigned"
    with pytest.raises(Refused, match="Unknown hostname other"):
        assign(backend, vm(hostname="other"))


def test_a_message_alone_is_no_refusal(cistern_server: Any, backend: CisternBackend) -> None:
    cistern_server.add("aws", "i-1", "web1")
    cistern_server.misbehave("ok with message")

    assert assign(backend, vm()).result == "Node i-1 assigned"


def test_a_vm_without_hostname_is_never_asked_for(
    cistern_server: Any, backend: CisternBackend
) -> None:
    with pytest.raises(InvalidParameter, match="no hostname"):
        assign(backend, vm(hostname=""))
    with pytest.raises(InvalidParameter, match="no hostname"):
        backend.release_vm("aws", vm(hostname=""), Deadline(5))
    assert cistern_server.requests == []


def test_an_answer_about_another_vm_is_no_success(
    cistern_server: Any, backend: CisternBackend
) -> None:
    cistern_server.add("aws", "i-1", "web1")
    cistern_server.misbehave("another id_vm")

    with pytest.raises(InvalidAnswer, match=r"'i-1' .* assigned node 'not-the-one'"):
        assign(backend, vm())
    with pytest.raises(InvalidAnswer, match=r"'i-1' .* released node 'not-the-one'"):
        backend.release_vm("aws", vm(), Deadline(5))


def test_a_bare_ok_is_filled_from_the_vm_that_was_meant(
    cistern_server: Any, backend: CisternBackend
) -> None:
    cistern_server.add("aws", "i-1", "web1")
    cistern_server.misbehave("bare ok")

    done = assign(backend, vm())
    assert (done.id, done.id_vm, done.result) == (1, "i-1", "Node i-1 assigned")
    done = backend.release_vm("aws", vm(), Deadline(5))
    assert (done.id, done.id_vm, done.result) == (1, "i-1", "Node i-1 released")


def test_resolving_sees_faulty_vms(cistern_server: Any, backend: CisternBackend) -> None:
    cistern_server.add("aws", "i-1", "web1", "ann", status=5)

    assert backend.resolve_vm("aws", None, "web1", Deadline(5)).id_vm == "i-1"
    assert cistern_server.requests[-1].body == {"with_faulty_nodes": True}
    with pytest.raises(NodeNotFound, match="Backend brain knows no node 'i-2' in cloud aws"):
        backend.resolve_vm("aws", "i-2", None, Deadline(5))


def test_path_segments_are_encoded(cistern_server: Any, backend: CisternBackend) -> None:
    cistern_server.add("a/b?c #d%2Fé", "i-1", "web1")

    assert len(backend.list_vms("a/b?c #d%2Fé", Deadline(5))) == 1
    assert cistern_server.requests[-1].path == "/api/v1/nodes/a%2Fb%3Fc%20%23d%252F%C3%A9"


def test_a_final_slash_of_the_address_does_not_count(
    cistern_server: Any, make_backend: Make
) -> None:
    cistern_server.add("aws", "i-1", "web1")

    assert len(make_backend(url=cistern_server.url + "/").list_vms("aws", Deadline(5))) == 1
    assert cistern_server.requests[-1].path == "/api/v1/nodes/aws"


def test_the_token_is_sent_and_read_anew(
    cistern_server: Any, make_backend: Make, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    backend = make_backend(url=cistern_server.url, token=f"file:{token}")

    backend.check(Deadline(5))
    token.write_text("second\n")
    backend.check(Deadline(5))
    sent = [request.headers["authorization"] for request in cistern_server.requests]
    assert sent == ["Bearer first", "Bearer second"]

    token.write_text("third\nX-Evil: 1\n")
    with pytest.raises(
        CredentialsRefused, match=r"Backend brain .*header cannot contain"
    ) as caught:
        backend.check(Deadline(5))
    assert "Evil" not in caught.value.message
    token.unlink()
    with pytest.raises(
        CredentialsRefused, match="Backend brain has a token that cannot be read"
    ) as caught:
        backend.check(Deadline(5))
    assert str(tmp_path) not in caught.value.message


def test_connections_are_kept_between_calls(cistern_server: Any, backend: CisternBackend) -> None:
    for _ in range(5):
        backend.list_vms("aws", Deadline(5))
    assert len({request.connection for request in cistern_server.requests}) == 1


def test_a_forked_process_makes_its_own_connections(
    cistern_server: Any, backend: CisternBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.list_vms("aws", Deadline(5))
    inherited = backend._client._http
    monkeypatch.setattr(os, "getpid", lambda: -1)
    backend.list_vms("aws", Deadline(5))

    assert len({request.connection for request in cistern_server.requests}) == 2
    assert inherited is not None
    inherited.close()


def test_cookies_and_proxies_of_the_environment_play_no_part(
    cistern_server: Any, backend: CisternBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    cistern_server.misbehave("cookie")

    backend.list_vms("aws", Deadline(5))
    backend.list_vms("aws", Deadline(5))
    assert "cookie" not in cistern_server.requests[-1].headers


def test_it_can_be_closed_twice_and_used_again(
    cistern_server: Any, backend: CisternBackend
) -> None:
    backend.close()
    backend.list_vms("aws", Deadline(5))
    backend.close()
    backend.close()
    backend.list_vms("aws", Deadline(5))
    assert len({request.connection for request in cistern_server.requests}) == 2
