"""``orchestrator check``: defaults of starts that the cloud would refuse."""

from __future__ import annotations

from pathlib import Path

from orchestrator_core.server.trial import READY
from tests.cli.conftest import Run

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIiOhdgnPPnzwT1N2qCsjbPSXsDaElnsMTPyfdqhO+FS"

TAKEN = """default_cloud = "a"
[clouds.a]
driver = "dummy"
start_options = ["rack"]
[clouds.a.start_fields]
options = { parts = ["rak"] }
spot = "no spot here"
networks = { limit = 1 }
keyname = { excludes = ["ssh_keys"] }
location = { required = true }
"""

DEFAULTS = f"""[clouds.a.start]
spot = true
networks = ["a", "b"]
keyname = "laptop"
ssh_keys = ["{KEY}"]
options = {{ row = 1 }}
"""


def config(folder: Path, toml: str) -> str:
    path = folder / "orchestrator.toml"
    path.write_text(toml)
    return str(path)


def test_check_refuses_what_every_start_would_be_refused_for(run: Run, tmp_path: Path) -> None:
    path = config(tmp_path, TAKEN + DEFAULTS)
    said = run("check", "--config", path)
    assert said.returncode == 1
    assert [line.removeprefix(f"orchestrator: {path}: ") for line in said.stderr.splitlines()] == [
        "[clouds.a.start] keyname: cannot be given together with ssh_keys; give one of them",
        "[clouds.a.start] networks: has 2 entries; cloud a takes at most 1 entry",
        "[clouds.a.start] spot: is not taken by cloud a: no spot here",
        "[clouds.a.start] options: has 'row', which cloud a does not take (only rak)",
        "[clouds.a] start_options: the driver has no option 'rack'; did you mean \"rak\"?",
    ]


def test_start_options_are_refused_if_the_driver_takes_none(run: Run, tmp_path: Path) -> None:
    without = TAKEN.replace('options = { parts = ["rak"] }', 'options = "it has none"')
    said = run("check", "--config", config(tmp_path, without))
    assert said.returncode == 1
    assert "[clouds.a] start_options: cloud a does not take options: it has none" in said.stderr


def test_a_reload_warns_of_them_only(run: Run, tmp_path: Path) -> None:
    said = run("check", "--quiet", "--reload", "--config", config(tmp_path, TAKEN + DEFAULTS))
    assert (said.returncode, said.stdout.strip()) == (0, READY)
    assert "warning: [clouds.a.start] spot: is not taken by cloud a" in said.stderr


def test_right_defaults_are_valid(run: Run, tmp_path: Path) -> None:
    right = '[clouds.a.start]\nnetworks = ["net-1"]\nspot = false\noptions = { rak = 1 }\n'
    path = config(tmp_path, TAKEN.replace('["rack"]', '["rak"]') + right)
    said = run("check", "--config", path)
    assert (said.returncode, said.stderr) == (0, "")
    assert "valid" in said.stdout


def test_a_cloud_whose_plugin_is_away_is_left_out(run: Run, tmp_path: Path) -> None:
    away = '[clouds.b]\ndriver = "libcloud"\nprovider = "nonesuch"\n[clouds.b.start]\nspot = true\n'
    toml = 'default_cloud = "a"\n[clouds.a]\ndriver = "dummy"\n' + away
    said = run("check", "--config", config(tmp_path, toml))
    assert "[clouds.b.start]" not in said.stderr
