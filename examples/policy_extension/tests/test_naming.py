"""Names: the pattern and the prefix."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests import commands
from tests.conftest import DUMMY, OPS_TOKEN, Serve
from tests.databases import MakeUrl
from tests.stateful import Api, settings

POLICY = '[extensions.policy]\nextension = "policy"\n'
PATTERN = f'{POLICY}name_pattern = "[a-z][a-z0-9-]{{2,11}}"\n'


def start(api: Api, name: str) -> httpx2.Response:
    return api.http.post("/vm/start", json={"name": name, "image": "1", "size": "1"})


def test_a_name_that_does_not_fit_is_denied_with_the_reason(serve: Serve) -> None:
    api = Api(serve(DUMMY + PATTERN))
    with api.http:
        for name in ("ab", "Web", "1web", "web_1", "web-1\u00e4", "a" * 13):
            denied = start(api, name)
            assert denied.status_code == 403
            assert denied.json()["message"] == (
                f"Name {name!r} is not allowed; it must match [a-z][a-z0-9-]{{2,11}}"
            )
        assert api.nodes() == ["1", "2"]
        assert start(api, "web-1").status_code == 200


def test_a_name_gets_its_prefix_once(serve: Serve, sqlite: MakeUrl) -> None:
    policy = f'{PATTERN}name_prefix = "{{caller}}-{{cloud}}."\n'
    auth = '[auth]\nmode = "token"\ntokens = {ops = "env:OPS_TOKEN"}\n'
    toml = settings(f'url = "{sqlite()}"', more=policy + auth)
    api = Api(serve(toml, environment={"OPS_TOKEN": OPS_TOKEN}))
    with api.http:
        api.http.headers["X-Auth-Token"] = OPS_TOKEN
        assert start(api, "web-1").status_code == 200
        (operation,) = api.operations(kind="start_vm")
        assert operation["parameters"]["name"] == "ops-fake_driver.web-1"


def test_a_name_that_has_the_prefix_keeps_it(serve: Serve, sqlite: MakeUrl) -> None:
    toml = settings(f'url = "{sqlite()}"', more=f'{POLICY}name_prefix = "prod-"\n')
    api = Api(serve(toml))
    with api.http:
        assert start(api, "prod-web").status_code == 200
        (operation,) = api.operations(kind="start_vm")
        assert operation["parameters"]["name"] == "prod-web"


def test_only_the_clouds_that_are_named_are_concerned(serve: Serve) -> None:
    other = '[clouds.other]\ndriver = "dummy"\n'
    api = Api(serve(f'{DUMMY}{other}{PATTERN}clouds = ["other"]\n'))
    with api.http:
        assert start(api, "X").status_code == 200
        body = {"name": "X", "image": "1", "size": "1"}
        assert api.http.post("/vm/start/other", json=body).status_code == 403


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ('name_pattern = "["', "name_pattern: must be a regular expression"),
        (
            'name_prefix = "{user}-"',
            "name_prefix: may have {caller} and {cloud}, and no other name",
        ),
        ('name_prefix = "{"', "name_prefix: may have {caller} and {cloud}, and no other name"),
        ('name_patern = "x"', 'name_patern: unknown key; did you mean "name_pattern"?'),
        ("quota = {}", "default: needs a limit; set default = 10, for example, or callers"),
        ("quota = {default = -1}", "default: must be 0 or more"),
        ("quota = {default = 1.5}", "default: must be a whole number of 0 or more"),
        ('quota = {callers = {ops = "x"}}', "ops: must be a whole number of 0 or more"),
        ("quota = {default = 1, unknown_for = 0}", "unknown_for: must be more than 0"),
        ("quota = {default = 1}", "quota: needs a database; add [state] to the settings"),
    ],
)
def test_wrong_settings_are_told(tmp_path: Path, keys: str, why: str) -> None:
    config = tmp_path / "orchestrator.toml"
    config.write_text(f"{DUMMY}{POLICY}{keys}\n")
    said = commands.run("check", "--config", str(config))
    assert said.returncode == 1
    assert "[extensions.policy" in said.stderr
    assert why in said.stderr
