"""Fresh credentials for a cloud that refuses those in use: once, and shared by all callers."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from orchestrator_core import CloudError, CredentialsRefused, Deadline, Node
from tests.clouds.conftest import NODES, MakeCloud, Plugin, failing, start

pytestmark = pytest.mark.anyio


async def test_a_refusal_of_the_credentials_makes_the_plugin_anew_once(
    make_cloud: MakeCloud,
) -> None:
    old = Plugin(failing(CredentialsRefused("401"), 99))
    new = Plugin(failing(CredentialsRefused("401"), 0))
    cloud = make_cloud(old, renewed=lambda: new)
    assert (await cloud.read(NODES)).value == ["1"]
    assert (old.asked, new.asked) == (1, 1)
    await cloud.read(NODES)
    assert old.asked == 1
    for _ in range(500):
        if old.closed:
            break
        await asyncio.sleep(0.01)
    assert (old.closed, new.closed) == (1, 0)


async def test_and_not_again_and_again(make_cloud: MakeCloud) -> None:
    made: list[Plugin] = []

    def renewed() -> Plugin:
        made.append(Plugin(failing(CredentialsRefused("401"), 99)))
        return made[-1]

    cloud = make_cloud(renewed(), renewed=renewed)
    for _ in range(3):
        with pytest.raises(CredentialsRefused):
            await cloud.read(NODES)
    assert [plugin.asked for plugin in made] == [1, 3]


async def test_credentials_that_were_taken_and_then_refused_are_read_anew_soon(
    make_cloud: MakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator_core.clouds.plugin_handle.ACCEPTED_SECONDS", 0.0)
    made: list[Plugin] = []

    def answer(number: int, _deadline: Deadline) -> Any:
        if number > 1:
            raise CredentialsRefused("the token was revoked")
        return [Node("1", "one")]

    def renewed() -> Plugin:
        made.append(Plugin(answer))
        return made[-1]

    cloud = make_cloud(renewed(), renewed=renewed)
    for _ in range(4):
        assert (await cloud.read(NODES)).value == ["1"]
    assert [plugin.asked for plugin in made] == [2, 2, 2, 1]


async def test_credentials_that_were_refused_in_the_middle_of_a_change_are_not_tried_again(
    make_cloud: MakeCloud,
) -> None:
    old = Plugin(failing(CredentialsRefused("x"), 0), failing(CredentialsRefused("401"), 99))
    new = Plugin(failing(CredentialsRefused("x"), 0))
    with pytest.raises(CredentialsRefused):
        await start(make_cloud(old, renewed=lambda: new))
    assert new.started == 0


async def test_two_who_are_refused_at_once_share_the_renewal(make_cloud: MakeCloud) -> None:
    together = threading.Barrier(2)

    def refuse(_number: int, _deadline: Deadline) -> Any:
        together.wait(5)
        raise CredentialsRefused("401")

    made: list[Plugin] = []

    def renewed() -> Plugin:
        made.append(Plugin(failing(CloudError("x"), 0)))
        return made[-1]

    cloud = make_cloud(Plugin(refuse), renewed=renewed)
    readings = await asyncio.gather(cloud.read(NODES), cloud.read(NODES, hints={"not": "shared"}))
    assert [reading.value for reading in readings] == [["1"], ["1"]]
    assert len(made) == 1


async def test_one_call_has_the_credentials_read_anew_once_however_often_that_may_be(
    make_cloud: MakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator_core.clouds.plugin_handle.RENEWAL_SECONDS", 0.0)
    made: list[Plugin] = []

    def renewed() -> Plugin:
        made.append(Plugin(failing(CredentialsRefused("401"), 99)))
        return made[-1]

    with pytest.raises(CredentialsRefused):
        await make_cloud(renewed(), renewed=renewed).read(NODES)
    assert len(made) == 2
