"""OpenStack's tokens: one login for all services, threads and callers, renewed before expiry."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openstack_cloud import Answer, OpenStack, flavor, image, in_json, server, serving

from orchestrator_core import (
    CloudTimeout,
    CloudUnreachable,
    CredentialsRefused,
    Deadline,
    ImageFilter,
    RateLimited,
)
from orchestrator_core.app import create_app
from orchestrator_core.settings.load import load_settings
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.openstack.tokens import Token, TokenStore

Make = Callable[..., LibcloudDriver]
SIXTEEN = 16


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenStack]:
    monkeypatch.setenv("TEST_PASSWORD", "p")
    cloud = OpenStack(
        servers=[server(1)],
        flavors=[flavor(1)],
        images=[image(1)],
        zones=[{"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}],
    )
    with serving(cloud):
        yield cloud


def settings(there: OpenStack) -> dict[str, Any]:
    arguments = {"ex_force_auth_url": there.url("/v3"), "ex_tenant_name": "physics"}
    pair = {"key": "ada", "secret": "env:TEST_PASSWORD"}
    return {"provider": "openstack", **pair, "arguments": arguments}


def app_of(there: OpenStack, folder: Path) -> Any:
    file = folder / "orchestrator.toml"
    file.write_text(
        '[clouds.os]\ndriver = "libcloud"\nprovider = "openstack"\nkey = "ada"\nthreads = 16\n'
        'secret = "env:TEST_PASSWORD"\n[clouds.os.arguments]\nex_tenant_name = "physics"\n'
        f'ex_force_auth_url = "{there.url("/v3")}"\n'
    )
    return create_app(load_settings(file, {}))


def ask_all(app: Any, paths: list[str]) -> list[int]:
    async def all_at_once() -> list[int]:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            asked = [client.get(f"/api/v1{path}", timeout=30) for path in paths]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    return asyncio.run(all_at_once())


def test_all_lists_take_one_login(make: Make, there: OpenStack, deadline: Deadline) -> None:
    driver = make(**settings(there))
    driver.list_images(filters=ImageFilter(), deadline=deadline)
    for call in (driver.list_nodes, driver.list_sizes, driver.list_locations):
        call(deadline=deadline)
    assert len(there.logins) == 1
    assert len(there.seen) == 4


def test_sixteen_callers_make_one_login(there: OpenStack, tmp_path: Path) -> None:
    there.delay = 0.2
    paths = [f"/nodes/os/{server(1)['id']}?n={n}" for n in range(SIXTEEN - 3)]
    paths += ["/nodes/os", "/images/os", "/sizes/os"]
    statuses = ask_all(app_of(there, tmp_path), paths)
    assert len(statuses) == SIXTEEN
    assert statuses[-3:] == [200, 200, 200]
    assert len(there.logins) == 1


def test_threads_share_the_token(make: Make, there: OpenStack, deadline: Deadline) -> None:
    there.delay = 0.1
    driver = make(**settings(there))
    begin = threading.Barrier(SIXTEEN)

    def one(_: int) -> int:
        begin.wait(timeout=10)
        return len(driver.list_nodes(deadline=deadline))

    with ThreadPoolExecutor(SIXTEEN) as pool:
        assert sum(pool.map(one, range(SIXTEEN))) == SIXTEEN
    assert len(there.logins) == 1


def test_a_wrong_password_is_tried_once_for_all_who_wait(
    make: Make, there: OpenStack, deadline: Deadline
) -> None:
    there.refuses, there.delay = True, 0.3
    driver = make(**settings(there))
    begin = threading.Barrier(SIXTEEN)

    def one(_: int) -> str:
        begin.wait(timeout=10)
        with pytest.raises(CredentialsRefused) as caught:
            driver.list_nodes(deadline=deadline)
        return caught.value.message

    with ThreadPoolExecutor(SIXTEEN) as pool:
        assert len(set(pool.map(one, range(SIXTEEN)))) == 1
    assert len(there.logins) == 1


def test_a_token_is_renewed_before_it_ends(
    make: Make, there: OpenStack, deadline: Deadline
) -> None:
    there.seconds = 1.0  # with Keystone's clock years behind
    driver = make(**settings(there))
    driver.list_nodes(deadline=deadline)
    driver.list_nodes(deadline=deadline)
    assert len(there.logins) == 1
    time.sleep(0.95)
    driver.list_nodes(deadline=deadline)
    assert len(there.logins) == 2


def test_a_revoked_token_is_replaced_each_time(there: OpenStack, tmp_path: Path) -> None:
    app = app_of(there, tmp_path)
    for revoked in range(4):
        assert ask_all(app, ["/nodes/os"]) == [200]
        assert len(there.logins) == revoked + 1
        there.tokens.clear()
    assert len(there.seen) == 4 + 3


def test_sixteen_callers_with_a_revoked_token_make_one_login(
    there: OpenStack, tmp_path: Path
) -> None:
    app = app_of(there, tmp_path)
    assert ask_all(app, ["/nodes/os"]) == [200]
    there.tokens.clear()
    there.delay = 0.2
    paths = ["/nodes/os", "/images/os", "/sizes/os", "/locations/os"]
    assert ask_all(app, paths) == [200] * 4
    assert len(there.logins) == 2


def test_a_change_with_a_revoked_token_is_sent_again(
    make: Make, there: OpenStack, deadline: Deadline
) -> None:
    deleted = []

    def delete(method: str, *_: Any) -> Answer:
        if method == "DELETE":
            deleted.append(len(there.logins))
            return 204, {}, b""
        there.tokens.clear()  # revoked between the look-up and the change
        return in_json({"server": server(1)})

    there.before = delete
    make(**settings(there)).stop_vm(node_id=server(1)["id"], deadline=deadline)
    assert deleted == [2]


def test_a_service_that_refuses_every_token_is_asked_twice(
    there: OpenStack, tmp_path: Path
) -> None:
    def refuse(*_: Any) -> Answer:
        return in_json({"error": {"code": 401, "message": "no"}}, 401)

    there.before = refuse
    app = app_of(there, tmp_path)
    assert ask_all(app, ["/nodes/os"]) == [502]
    assert len(there.seen) == 2
    assert ask_all(app, ["/nodes/os"]) == [502]
    assert len(there.seen) == 3  # The plugin renews at most once in ten seconds.


def test_a_login_in_the_middle_of_a_change_does_not_make_it_doubtful(
    make: Make, there: OpenStack, deadline: Deadline
) -> None:
    there.seconds = 0.3

    def limited(method: str, *_: Any) -> Answer | None:
        if method == "DELETE":
            return in_json({"overLimit": {"code": 429, "message": "slow"}}, 429)
        time.sleep(0.35)  # The token expires while the server is looked up.
        return in_json({"server": server(1)})

    there.before = limited
    with pytest.raises(RateLimited) as caught:
        make(**settings(there)).stop_vm(node_id=server(1)["id"], deadline=deadline)
    assert len(there.logins) == 2
    assert caught.value.repeat_is_safe


def login(value: str, seconds: float = 100.0) -> Token:
    return Token(value, seconds)


def test_a_discarded_token_is_not_the_newer_one() -> None:
    store = TokenStore()
    assert store.get(lambda: login("a"), lambda: 1.0).value == "a"
    store.discard("other")
    assert store.get(lambda: login("b"), lambda: 1.0).value == "a"
    store.discard("a")
    assert store.get(lambda: login("b"), lambda: 1.0).value == "b"


def test_a_renewal_that_fails_leaves_the_token_that_still_holds() -> None:
    store = TokenStore()
    store.get(lambda: Token("old", 100.0, begun=time.monotonic() - 95), lambda: 1.0)

    def down() -> Token:
        raise CloudUnreachable("Keystone is down")

    assert store.get(down, lambda: 1.0).value == "old"
    store.discard("old")
    with pytest.raises(CloudUnreachable):
        store.get(down, lambda: 1.0)


def test_who_waits_for_a_login_waits_no_longer_than_its_own_deadline() -> None:
    store = TokenStore()
    go_on, begun = threading.Event(), threading.Event()

    def slow() -> Token:
        begun.set()
        go_on.wait(10)
        return login("slow")

    short = Deadline(0.1)

    def left() -> float:
        if short.passed:
            raise CloudTimeout("too late")
        return short.remaining()

    with ThreadPoolExecutor(1) as pool:
        leading = pool.submit(store.get, slow, lambda: 10.0)
        begun.wait(10)
        with pytest.raises(CloudTimeout):
            store.get(lambda: login("never"), left)
        go_on.set()
        assert leading.result().value == "slow"


def test_a_login_that_fails_for_one_is_tried_by_the_next() -> None:
    store = TokenStore()
    begun = threading.Event()

    def late() -> Token:
        begun.set()
        time.sleep(0.2)
        raise CloudTimeout("its own deadline")

    with ThreadPoolExecutor(1) as pool:
        leading = pool.submit(store.get, late, lambda: 10.0)
        begun.wait(10)
        assert store.get(lambda: login("mine"), lambda: 10.0).value == "mine"
        with pytest.raises(CloudTimeout):
            leading.result()
