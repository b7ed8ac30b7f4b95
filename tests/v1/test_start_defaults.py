"""The fields of a start and the settings: defaults, options that callers may give, and secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Server, running
from tests.every_field import KEY, USER_DATA
from tests.start_clouds import Clouds
from tests.stateful import START, Api, Json


def test_a_required_field_can_come_from_the_caller_or_the_settings(clouds: Clouds) -> None:
    assert clouds.refusal("strict", {}) == (
        "location: is missing; cloud strict starts no VM without it (an operator can set a default "
        "in [clouds.strict.start])"
    )
    assert clouds.shown("strict", {"location": "Kiwi"}) == {"location": "2"}
    assert clouds.shown("preset", {})["location"] == "1"


def test_only_the_options_that_the_settings_name_can_be_given(clouds: Clouds) -> None:
    assert clouds.refusal("all", {"options": {"rak": 1}}) == (
        "options: the settings of cloud all do not allow 'rak'; did you mean \"rack\"? "
        "(start_options allows rack, row)"
    )
    assert clouds.refusal("strict", {"location": "1", "options": {"rack": 1}}) == (
        "options: the settings of cloud strict do not allow 'rack': start_options of cloud strict "
        "names none that callers may give"
    )
    assert clouds.shown("preset", {"options": {"rack": "r2"}})["options"] == {
        "rack": None,
        "password": None,
    }
    assert "password" in clouds.refusal("preset", {"options": {"password": "x"}})


PRESET: Json = {
    "keyname": "ci",
    "user_data": {"bytes": len(USER_DATA.encode()) - 1},  # without the file's final newline
    "networks": ["net-3"],
    "location": "1",
    "public_ip": True,
    "root_disk": {"size": 20, "type": "fast", "keep": False},
    "tags": {"team": "red", "stage": "test"},
    "spot": {"max_price": None},
    "metadata": {"a": None, "b": None},
    "options": {"rack": None, "password": None},
}


def test_defaults_of_the_settings_fill_in_what_the_caller_leaves_out(clouds: Clouds) -> None:
    assert clouds.shown("preset", {}) == PRESET


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"keyname": "laptop"}, {"keyname": "laptop"}),
        ({"user_data": "x"}, {"user_data": {"bytes": 1}}),
        ({"networks": ["net-1"]}, {"networks": ["net-1"]}),
        ({"networks": []}, {"networks": None}),
        ({"public_ip": False}, {"public_ip": False}),
        ({"root_disk": {"size": 9}}, {"root_disk": {"size": 9, "type": "fast", "keep": False}}),
        ({"root_disk": {}}, {"root_disk": None}),
        ({"tags": {"team": "blue"}}, {"tags": {"team": "blue", "stage": "test"}}),
        ({"tags": {}}, {"tags": None}),
        ({"spot": False}, {"spot": None}),
        ({"spot": {"max_price": 2}}, {"spot": {"max_price": 2.0}}),
        ({"metadata": {"c": 3}}, {"metadata": {"a": None, "b": None, "c": None}}),
        ({"ssh_keys": [KEY]}, {"ssh_keys": [KEY], "keyname": None}),
        ({"ssh_keys": []}, {}),
    ],
    ids=str,
)
def test_a_field_of_the_caller_replaces_the_default(
    clouds: Clouds, fields: Json, changed: Json
) -> None:
    expected = {name: value for name, value in {**PRESET, **changed}.items() if value is not None}
    assert clouds.shown("preset", fields) == expected


def test_a_secret_that_is_gone_is_an_error_of_the_server(clouds: Clouds, tmp_path: Path) -> None:
    gone = clouds.folder / "first-boot"
    kept = gone.rename(tmp_path / "kept")
    try:
        before = clouds.state("preset")
        answer = clouds.start("preset", {})
        assert (answer.status_code, answer.json()["error_code"]) == (503, "cloud_unavailable")
        assert clouds.state("preset") == before
    finally:
        kept.rename(gone)


def test_a_default_that_is_too_long_is_refused_as_one(serve: Any, tmp_path: Path) -> None:
    (tmp_path / "long").write_text("x" * 65_536)
    cloud = '[clouds.fake_driver]\ndriver = "dummy"\n[clouds.fake_driver.start]\nuser_data = '
    server: Server = serve(f'{cloud}"file:{tmp_path}/long"\n')
    api = Api(server)
    with api.http:
        answer = api.http.post("/vm/start/fake_driver", json=dict(START))
        assert answer.json()["message"] == (
            "Param not valid: user_data: the default of [clouds.fake_driver.start] is 65536 bytes; "
            "cloud fake_driver takes at most 65535"
        )
        given = {**START, "user_data": "short"}
        assert api.http.post("/vm/start/fake_driver", json=given).status_code == 200


def test_wrong_defaults_stop_a_server_with_a_clear_error(tmp_path: Path) -> None:
    toml = '[clouds.a]\ndriver = "dummy"\n[clouds.a.start]\nspot = 7\nnetworks = "x"\nkey = "k"\n'
    with (
        pytest.raises(AssertionError) as stopped,
        running(f'default_cloud = "a"\n{toml}', tmp_path),
    ):
        pass
    for line in (
        "[clouds.a.start] spot: must be true, false, or an object with max_price",
        "[clouds.a.start] networks: must be a list",
        '[clouds.a.start] key: unknown key; did you mean "keyname"?',
    ):
        assert line in str(stopped.value)
