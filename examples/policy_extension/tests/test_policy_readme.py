"""The README's examples: valid, complete, and with the results shown."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

from orchestrator_core.settings.load import load_settings
from orchestrator_policy.settings import PolicySettings, QuotaSettings
from tests.conftest import Serve
from tests.databases import MakeUrl
from tests.stateful import Api, settings

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return str(found)


def test_the_settings_name_every_key(tmp_path: Path) -> None:
    config = tmp_path / "orchestrator.toml"
    config.write_text(block("toml"))
    shown = load_settings(config, {}).extensions["policy"].plugin
    assert set(shown) == set(PolicySettings().fields)
    assert set(shown["quota"]) == set(QuotaSettings().fields)
    defaults = PolicySettings().load({"quota": {"default": 1}})["quota"]
    for key in ("unknown_for", "visible_after"):
        assert shown["quota"][key] == defaults[key]


def test_it_does_what_it_shows(serve: Serve, sqlite: MakeUrl) -> None:
    api = Api(serve(settings(f'url = "{sqlite()}"', more=block("toml"))))
    command, _, answer = block("console").removeprefix("$ ").partition("\n")
    ours = shlex.split(command.replace("http://localhost:5050", api.server.url))
    said = subprocess.run(ours, capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == json.loads(answer)
    with api.http:
        body = {"name": "web", "image": "1", "size": "1"}
        statuses = [api.http.post("/vm/start", json=body).status_code for _ in range(6)]
        assert statuses == [200] * 5 + [403]
        names = {one["parameters"]["name"] for one in api.operations(kind="start_vm")}
        assert names == {"anonymous-web"}
