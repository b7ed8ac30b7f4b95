"""``orchestrator adopt``: VMs of a cloud are taken over with their users, and nothing is destroyed.

The cloud is a dummy cloud in a file. A server beside the command shows what follows.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_cistern.fake import CisternServer
from tests.cli.conftest import Run
from tests.stateful import Api, settings, stateful

Said = subprocess.CompletedProcess[str]
Adopt = Callable[..., Said]

CLOUD = 'store = "file:{}/cloud.db"\ndestroy = "own"'


@pytest.fixture
def api(tmp_path: Path, database_url: str) -> Iterator[Api]:
    """Run a server over an empty database, on a cloud with two VMs that it did not start."""
    state = f'url = "{database_url}"\norphan_scan_interval = 3600'
    with stateful(settings(state, CLOUD.format(tmp_path)), tmp_path) as running:
        yield running


@pytest.fixture
def adopt(run: Run, tmp_path: Path) -> Adopt:
    config = str(tmp_path / "orchestrator.toml")
    return lambda *words: run("adopt", "fake_driver", *words, ORCHESTRATOR_CONFIG=config)


def foreign(tmp_path: Path, more: int, state: str = "") -> list[str]:
    """Have another server start VMs in the same cloud; return their ids."""
    folder = tmp_path / "foreign"
    folder.mkdir()
    toml = settings(state or f'url = "sqlite:///{folder}/other.db"', CLOUD.format(tmp_path))
    with stateful(toml, folder) as other:
        return [other.started() for _ in range(more)]


def users(tmp_path: Path, *lines: str, header: str = "node,hostname,user,application,lease") -> str:
    file = tmp_path / "users.csv"
    file.write_text("".join(f"{line}\n" for line in (header, *lines)))
    return str(file)


def held(api: Api) -> dict[str, tuple[str, str]]:
    return {
        one["node"]: (one["user"], one["application"])
        for one in api.assignments()
        if one["state"] == "active"
    }


def test_all_vms_become_own_once(api: Api, adopt: Adopt) -> None:
    assert api.stop("1").status_code == 400
    tried = adopt("--all", "--dry-run")
    assert (tried.returncode, tried.stderr) == (0, "")
    assert tried.stdout == (
        "1 (dummy-1): would be adopted\n"
        "2 (dummy-2): would be adopted\n"
        "fake_driver: 2 would be taken over, 0 unchanged, 0 refused\n"
    )
    assert api.operations(kind="adopt_vm") == []
    assert api.stop("1").status_code == 400

    done = adopt("--all")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("fake_driver: 2 taken over, 0 unchanged, 0 refused\n")
    again = adopt("--all")
    assert (again.returncode, again.stdout) == (
        0,
        "fake_driver: 0 taken over, 2 unchanged, 0 refused\n",
    )
    assert sorted(one["node"] for one in api.operations(kind="adopt_vm")) == ["1", "2"]
    assert api.nodes() == ["1", "2"]
    assert api.stop("1").status_code == 200


def test_a_file_gives_users_and_leases(api: Api, adopt: Adopt, tmp_path: Path) -> None:
    file = users(tmp_path, "1,,ann,editor,8h", ",dummy-2,bob,cad,")
    tried = adopt("--users", file, "--dry-run")
    assert "1 (dummy-1): would be adopted, assigned to ann for editor\n" in tried.stdout
    assert held(api) == {}

    done = adopt("--users", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert held(api) == {"1": ("ann", "editor"), "2": ("bob", "cad")}
    (ann,) = api.assignments(node="1")
    assert ann["lease_expires_at"] is not None
    assert api.operations(kind="assign_vm", node="1")[0]["state"] == "succeeded"
    assert api.assign("1", user="eve").status_code == 400

    again = adopt("--users", file)
    assert again.stdout == "fake_driver: 0 taken over, 2 unchanged, 0 refused\n"
    assert len(api.assignments()) == 2

    assert "released and deleted" in api.release("1").json()["result"]
    assert api.nodes() == ["2"]


def test_each_conflict_has_a_line_and_the_rest_is_done(
    api: Api, adopt: Adopt, run: Run, tmp_path: Path
) -> None:
    third, fourth, fifth = foreign(tmp_path, 3)
    config = str(tmp_path / "orchestrator.toml")
    protected = run("protect", "fake_driver", third, ORCHESTRATOR_CONFIG=config)
    assert protected.returncode == 0
    assert api.assign("1", user="eve").status_code == 200
    file = users(
        tmp_path,
        "1,,ann,editor,",
        "2,,bob,editor,",
        f"{third},,cid,editor,",
        "99,,dan,editor,",
        "2,,eve,editor,",
        f"{fourth},,fay,,",
        f"{fourth},,gil,editor,soon",
        f"{fifth},dummy-1,hal,editor,",
        ",,ida,editor,",
    )
    done = adopt("--users", file)
    assert done.returncode == 1
    assert done.stdout == (
        "2 (dummy-2): adopted, assigned to bob for editor\n"
        "fake_driver: 1 taken over, 0 unchanged, 8 refused\n"
    )
    for line in (
        "1 (dummy-1): it is assigned to eve for app",
        f"{third} (dummy-{third}): it is protected; remove the protection first",
        "users.csv:5: fake_driver lists no such VM, or it is gone",
        "users.csv:6: node 2 is named by users.csv:3 already",
        "users.csv:7: a user needs an application, and an application a user",
        "users.csv:8: lease: ",
        f"users.csv:9: node {fifth} is called dummy-{fifth}, not dummy-1",
        "users.csv:10: it names no VM: node and hostname are empty",
    ):
        assert f"orchestrator: fake_driver: {line}" in done.stderr
    assert "Traceback" not in done.stderr
    assert held(api)["2"] == ("bob", "editor")
    assert len(api.nodes()) == 5


def test_vms_of_another_installation_are_taken_only_by_name(
    api: Api, adopt: Adopt, tmp_path: Path
) -> None:
    (third,) = foreign(tmp_path, 1)
    done = adopt("--all")
    assert done.returncode == 1
    assert f"{third} (dummy-{third}): it has the marker of another installation" in done.stderr
    named = adopt(third)
    assert (named.returncode, named.stderr) == (0, "")
    assert f"{third} (dummy-{third}): adopted\n" in named.stdout
    assert api.stop(third).status_code == 200


def test_own_vms_stay_as_they_are(api: Api, adopt: Adopt) -> None:
    node = api.started()
    done = adopt(node)
    assert done.stdout == "fake_driver: 0 taken over, 1 unchanged, 0 refused\n"
    assert api.operations(kind="adopt_vm") == []


def test_a_vm_that_ends_is_not_taken_over(api: Api, adopt: Adopt) -> None:
    node = api.started()
    assert api.stop(node).status_code == 200
    done = adopt(node)
    assert done.returncode == 1
    assert f"{node}: fake_driver lists no such VM, or it is gone" in done.stderr


def test_a_name_is_taken_for_no_id(api: Api, adopt: Adopt) -> None:
    done = adopt("dummy-1")
    assert done.returncode == 1
    assert "dummy-1: it is the name of node 1; give the id" in done.stderr
    assert api.operations(kind="adopt_vm") == []


@pytest.mark.parametrize(
    ("header", "why"),
    [("node,user,aplication", "it has 'aplication'"), ("user,application", "none names a VM")],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_with_other_columns_is_refused(
    api: Api, adopt: Adopt, tmp_path: Path, header: str, why: str
) -> None:
    done = adopt("--users", users(tmp_path, header=header))
    assert done.returncode == 1
    assert why in done.stderr
    assert "out of node, hostname, user, application, lease" in done.stderr
    assert api.operations(kind="adopt_vm") == []


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_named_is_a_mistake(adopt: Adopt) -> None:
    done = adopt()
    assert done.returncode == 2
    assert "Name VMs, or pass --all, --users or --from-backend" in done.stderr


@pytest.fixture
def cistern() -> Iterator[CisternServer]:
    server = CisternServer()
    yield server
    server.close()


def listed(server: CisternServer) -> None:
    more: dict[str, Any] = {"recipe": "editor", "recipe_id": 4}
    server.add("fake_driver", "1", "dummy-1", "ann", **more)
    server.add("fake_driver", "2", "dummy-2")
    server.add("fake_driver", "77", "gone", "bob", **more)
    server.add("fake_driver", "78", "leaving", "cid", status=4, status_desc="RELEASING", **more)


@pytest.mark.parametrize("assignment", ["given", "brain"])
def test_the_list_of_a_cistern_server_is_taken_over(
    cistern: CisternServer, run: Run, tmp_path: Path, assignment: str
) -> None:
    """Into a cloud that Cistern assigns, and into one that it will assign no longer."""
    listed(cistern)
    state = f'url = "sqlite:///{tmp_path}/state.db"'
    brain = f'[assignments.brain]\nbackend = "cistern"\nurl = "{cistern.url}"\n'
    toml = settings(state, CLOUD.format(tmp_path), brain)
    toml = toml.replace('assignment = "given"', f'assignment = "{assignment}"')
    with stateful(toml, tmp_path) as api:
        config = str(tmp_path / "orchestrator.toml")
        words = ("adopt", "fake_driver", "--from-backend", "brain")
        done = run(*words, ORCHESTRATOR_CONFIG=config)
        assert done.returncode == 1
        assert done.stdout == (
            "1 (dummy-1): adopted, assigned to ann for editor\n"
            "2 (dummy-2): adopted\n"
            "fake_driver: 2 taken over, 0 unchanged, 2 refused\n"
        )
        assert "77: fake_driver lists no such VM, or it is gone" in done.stderr
        assert "78 (leaving): the backend shows it as RELEASING, with the user cid" in done.stderr
        assert held(api) == {"1": ("ann", "editor")}
        again = run(*words, ORCHESTRATOR_CONFIG=config)
        assert "fake_driver: 0 taken over, 2 unchanged, 2 refused" in again.stdout
        assert "released" in api.release("1").json()["result"]
        assert (cistern.nodes["fake_driver"][0]["user"] == "") is (assignment == "brain")


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_backend_of_this_database_has_no_list_to_import(adopt: Adopt) -> None:
    done = adopt("--from-backend", "given")
    assert done.returncode == 1
    assert "there is nothing to import" in done.stderr
    missing = adopt("--from-backend", "brian")
    assert "The settings have no [assignments.brian]" in missing.stderr
