"""Operations on a node that its cloud does not have: no row of a VM remains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import select, update

from orchestrator_core.broker.ledger import vms
from orchestrator_core.broker.ledger.vm import VmKey, VmOrigin
from orchestrator_core.broker.worker import housekeeping
from orchestrator_core.settings.model import StateSettings
from orchestrator_core.settings.secrets import Secret
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import orphan_scans
from orchestrator_core.state.tables import vms as rows
from orchestrator_core.state.upgrade import upgrade
from tests.databases import MakeUrl
from tests.stateful import Api, settings, stateful, wait_for

GHOST = "never-was"


ERRORS = ("conflict", "quota")
HOOKS = ("get_node", "stop_vm")
REFUSALS = list(product(ERRORS, HOOKS))
ACTIONS = ("reboot", "poweron", "poweroff", "assign", "release", "renew")


def section(error: str, hook: str) -> str:
    """Return a cloud in which one hook always refuses."""
    name = f"{error}-{hook}"
    return (
        f'[clouds.{name}]\ndriver = "dummy"\nassignment = "given"\n'
        f'[clouds.{name}.faults]\noperations = ["{hook}"]\nerror_rate = 1.0\nerror = "{error}"\n'
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("never")


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[Api]:
    more = "".join(section(error, hook) for error, hook in REFUSALS)
    with stateful(
        settings('url = "sqlite:///state.db"\norphan_scan_interval = 3600.0', more=more), folder
    ) as api:
        # A VM that a listing shows while its stop runs is seen, and its row stays.
        wait_for(lambda: scanned(folder), lambda clouds: len(clouds) == 1 + len(REFUSALS))
        yield api


def scanned(folder: Path) -> list[str]:
    """Return the clouds whose first orphan scan has ended."""
    query = select(orphan_scans.c.cloud).where(orphan_scans.c.ended_at.is_not(None))
    with closing(Database(f"sqlite:///{folder}/state.db", folder)) as database:
        return list(database.read_now(lambda c: c.execute(query).scalars().all()))


def living(folder: Path, cloud: str) -> list[str]:
    """Return the ids of a cloud's VMs whose row in the database has not ended."""
    query = select(rows.c.node_id).where(rows.c.gone_at.is_(None), rows.c.cloud == cloud)
    with closing(Database(f"sqlite:///{folder}/state.db", folder)) as database:
        return list(database.read_now(lambda c: c.execute(query).scalars().all()))


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("node", [GHOST, "1"])
def test_a_refused_stop_keeps_no_row_of_a_vm_that_was_never_seen(
    api: Api, folder: Path, error: str, hook: str, node: str
) -> None:
    cloud = f"{error}-{hook}"
    answer = api.put(f"/vm/stop/{cloud}", {"node": node})
    assert answer.status_code >= 400, answer.text
    stops = api.operations(kind="stop_vm", cloud=cloud, node=node)
    assert [stop["state"] for stop in stops] == ["failed"]
    assert node not in living(folder, cloud)


@pytest.mark.parametrize("cloud", ["fake_driver", "conflict-get_node"])
@pytest.mark.parametrize("action", ACTIONS)
def test_no_other_action_makes_a_row_of_a_node_that_is_not_there(
    api: Api, folder: Path, action: str, cloud: str
) -> None:
    more = {"assign": {"user": "u", "vm_type": "app"}, "renew": {"lease": "1h"}}
    answer = api.put(f"/vm/action/{action}/{cloud}", {"node": GHOST, **more.get(action, {})})
    assert answer.status_code >= 400, answer.text
    assert GHOST not in living(folder, cloud)


def test_a_vm_that_is_protected_stays_so_after_a_refused_stop(sqlite: MakeUrl) -> None:
    database = Database(sqlite(), Path())
    upgrade(database)
    named, kept = VmKey("sky", GHOST), VmKey("sky", "7")
    database.write_now(lambda c: vms.note(c, named, VmOrigin.GIVEN))
    database.write_now(lambda c: vms.protect(c, kept, protected=True))
    for vm in (named, kept):
        database.write_now(partial(vms.set_present, cloud=vm.cloud, node_id=vm.node_id))
    assert database.read_now(lambda c: vms.get(c, "sky", GHOST)) is None
    assert database.read_now(lambda c: vms.get(c, "sky", "7")) is not None
    database.close()


def test_rows_of_nodes_that_no_listing_has_shown_are_forgotten(sqlite: MakeUrl) -> None:
    """Databases of earlier versions have such rows."""
    database = Database(sqlite(), Path())
    upgrade(database)
    ids = ("named", "seen", "own", "protected", "new")
    for node_id in ids:
        origin = VmOrigin.ADOPTED if node_id == "own" else VmOrigin.GIVEN
        vm = VmKey("sky", node_id)
        database.write_now(partial(vms.note, vm=vm, origin=origin))
    old = rows.c.node_id != "new"
    database.write_now(lambda c: c.execute(update(rows).where(old).values(created_at=1.0)))
    database.write_now(lambda c: vms.note_seen(c, "sky", ["seen"]))
    database.write_now(lambda c: vms.protect(c, VmKey("sky", "protected"), protected=True))
    settings = StateSettings(Secret("(plain)", plain=""), retention=60.0)
    database.write_now(lambda c: housekeeping.sweep(c, settings))
    left = database.read_now(lambda c: c.execute(select(rows.c.node_id)).scalars().all())
    assert sorted(left) == ["new", "own", "protected", "seen"]
    database.close()
