"""``orchestrator check``: the VMs that each cloud may destroy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

LIBCLOUD = '[clouds.aws]\ndriver = "libcloud"\nprovider = "ec2"\nkey = "k"\nsecret = "env:PATH"\n'
DUMMY = '[clouds.trial]\ndriver = "dummy"\n'
STATE = '[state]\nurl = "sqlite:///state.db"\n'
ALL, OWN = 'destroy = "all"\n', 'destroy = "own"\n'


@pytest.mark.parametrize(
    ("toml", "shown", "is_warned"),
    [
        (LIBCLOUD, "own", True),
        (LIBCLOUD + OWN, "own", True),
        (LIBCLOUD + ALL, "all", False),
        (LIBCLOUD + STATE, "own", False),
        (DUMMY, "all", False),
        (DUMMY + OWN, "own", True),
    ],
    ids=["libcloud", "libcloud-own", "libcloud-all", "libcloud-state", "dummy", "dummy-own"],
)
def test_the_check_shows_which_vms_are_destroyed(
    run: Run, tmp_path: Path, toml: str, shown: str, *, is_warned: bool
) -> None:
    file = tmp_path / "orchestrator.toml"
    file.write_text(toml)
    said = run("check", "--config", str(file))
    assert said.returncode == 0, said.stderr
    row = next(line for line in said.stdout.splitlines() if "ready" in line and "state" not in line)
    assert shown in row.replace("│", " ").split()
    if not is_warned:
        assert said.stderr == ""
        return
    name = "aws" if toml.startswith(LIBCLOUD) else "trial"
    assert said.stderr == (
        f"orchestrator: {file}: warning: cloud {name} destroys only its own VMs "
        '(destroy = "own"), and a server without [state] has no record of them, so it '
        "refuses every stop and release; add [state], or write "
        f'destroy = "all" in [clouds.{name}]\n'
    )
    assert run("check", "--quiet", "--config", str(file)).stderr == said.stderr
