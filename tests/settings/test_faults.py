"""Errors in the settings: file, key and nearest valid word."""

from __future__ import annotations

from pathlib import Path

import pytest
from marshmallow.fields import Dict, Nested

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.faults import ABOVE
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.schema import SettingsSchema

PORTS = "a port is a number from 1 to 65535, or 0 for any free one"
CLOUD = '[clouds.a]\ndriver = "dummy"\n'


def fault(tmp_path: Path, toml: str | bytes, environ: dict[str, str] | None = None) -> str:
    config = tmp_path / "orchestrator.toml"
    config.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    with pytest.raises(SettingsError) as caught:
        load_settings(config, environ or {})
    return caught.value.message.replace(str(config), "FILE")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[serve]", 'FILE: serve: unknown key; did you mean "server"?'),
        ("[server]\nwrokers = 1", 'FILE: [server] wrokers: unknown key; did you mean "workers"?'),
        ("[server]\nxyz = 1", "FILE: [server] xyz: unknown key"),
        ("[server]\nworkers = 0", "FILE: [server] workers: must be a whole number from 1 to 1024"),
        (
            '[server]\nworkers = "2"',
            "FILE: [server] workers: must be a whole number from 1 to 1024",
        ),
        ('[server]\nbind = "here"', 'FILE: [server] bind: must be "HOST:PORT" or "unix:PATH"'),
        ('[server]\nbind = "127.0.0.1:5050 "', 'bind: must be "HOST:PORT" or "unix:PATH"'),
        ('[server]\nbind = "127.0.0.1:65536"', f"FILE: [server] bind: {PORTS}"),
        (f'[server]\nbind = "127.0.0.1:{"9" * 5000}"', f"FILE: [server] bind: {PORTS}"),
        ('[server]\nbind = "127.0.0.1:\u0661\u0662"', 'bind: must be "HOST:PORT" or "unix:PATH"'),
        ('[metrics]\nbind = "127.0.0.1:65536"', f"FILE: [metrics] bind: {PORTS}"),
        ('[metrics]\nbind = "9464"', 'FILE: [metrics] bind: must be "HOST:PORT"'),
        ("clouds.a = 1", "FILE: [clouds] a: invalid input type"),
        ("a = " + "[" * 3000, "FILE: is nested too deeply"),
        ('[auth.tokens]\n" " = "env:X"', "a caller's name is a printable text"),
        (
            "[server]\nbody_timeout = 0",
            "FILE: [server] body_timeout: must be a number of seconds, more than 0",
        ),
        (
            '[server]\nlog_format = "jsn"',
            'FILE: [server] log_format: "jsn" must be one of: console, json; did you mean "json"?',
        ),
        ("server = 1", "FILE: server: invalid input type"),
        (
            '[state]\nurl = ""',
            "FILE: [state] url: must be a non-empty text",
        ),
        (
            '[auth]\nmode = "tokn"',
            'FILE: [auth] mode: "tokn" must be one of: none, token; did you mean "token"?',
        ),
        ('[auth]\nmode = "token"', 'FILE: [auth] tokens: mode "token" needs at least one token'),
        ("[clouds.a]\ndriver = 1", "FILE: [clouds.a] driver: not a valid string"),
        ("[clouds.a]", "FILE: [clouds.a] driver: missing; name a plugin that"),
        (
            '[clouds.a]\ndrvier = "dummy"',
            'FILE: [clouds.a] drvier: unknown key; did you mean "driver"?',
        ),
        (f"{CLOUD}threads = 0", "FILE: [clouds.a] threads: must be a whole number from 1 to 256"),
        (f"{CLOUD}deadlines = {{start = 1}}", 'did you mean "start_vm"?'),
        (
            f"{CLOUD}deadlines = {{start_vm = -1}}",
            "start_vm: must be a number of seconds, more than 0 and at most 86400",
        ),
        ('[clouds.default]\ndriver = "dummy"', "is reserved for the default cloud"),
        ('[clouds."a/b"]\ndriver = "dummy"', "FILE: [clouds] a/b: a name has 1 to 64 of"),
        ('[clouds.".."]\ndriver = "dummy"', "a name has 1 to 64 of"),
        (f'[clouds.{"a" * 65}]\ndriver = "dummy"', "a name has 1 to 64 of"),
        (
            f'default_cloud = "b"\n[clouds.bb]\ndriver = "dummy"\n{CLOUD}',
            'FILE: default_cloud: there is no [clouds.b]; did you mean "bb"?',
        ),
        (
            f'{CLOUD}assignment = "brian"\n[assignments.brain]\nbackend = "cistern"',
            'FILE: [clouds.a] assignment: there is no [assignments.brian]; did you mean "brain"?',
        ),
        ("[clouds.a", "FILE: is not valid TOML"),
        (b"\xff\xfe", "FILE: is not UTF-8 but UTF-16; save it as UTF-8"),
    ],
)
def test_one_fault(tmp_path: Path, toml: str | bytes, message: str) -> None:
    assert message in fault(tmp_path, toml)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    message = fault(tmp_path, "[server]\nworkers = 0\nbnd = 1\n[clouds.a]\n[plgins]")
    assert len(message.splitlines()) == 4


@pytest.mark.parametrize("what", ["missing", "directory"])
def test_a_file_that_cannot_be_read(tmp_path: Path, what: str) -> None:
    path = tmp_path if what == "directory" else tmp_path / "nowhere.toml"
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {})
    assert str(path) in caught.value.message


SECRET = "hunter2-and-more-than-anybody-guesses"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("env:NOT_SET", "the environment variable that it names is not set"),
        ("file:nowhere", "file:nowhere cannot be read"),
        ("file:empty", "file:empty is empty"),
        (SECRET, 'must be "env:NAME" or "file:PATH", not the secret itself'),
        ("env:", 'must be "env:NAME" or "file:PATH"'),
    ],
)
def test_a_secret_is_a_reference_and_is_never_repeated(
    tmp_path: Path, token: str, message: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    said = fault(tmp_path, f'[auth]\nmode = "token"\ntokens = {{ops = "{token}"}}\n')
    assert f"FILE: [auth.tokens] ops: {message}" in said
    assert SECRET not in said


def test_a_secret_does_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_TOKEN", SECRET)
    (tmp_path / "lab").write_text(SECRET + "-too\n")
    config = tmp_path / "orchestrator.toml"
    config.write_text(
        '[auth]\nmode = "token"\ntokens = {ops = "env:OPS_TOKEN", lab = "file:lab"}\n'
    )
    settings = load_settings(config, {})
    assert settings.auth.tokens["ops"].reveal() == SECRET
    assert settings.auth.tokens["lab"].reveal() == SECRET + "-too"
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.auth.tokens["ops"])


def test_a_fault_from_the_environment_names_the_variable(tmp_path: Path) -> None:
    said = fault(tmp_path, "", {"ORCHESTRATOR__SERVER__BIND": "here"})
    assert said == (
        'environment variable ORCHESTRATOR__SERVER__BIND: must be "HOST:PORT" or "unix:PATH"'
    )


def test_the_keys_above_all_sections_are_known() -> None:
    fields_ = SettingsSchema().fields
    assert {key for key, one in fields_.items() if not isinstance(one, Dict | Nested)} == ABOVE
