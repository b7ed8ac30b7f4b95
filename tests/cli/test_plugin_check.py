"""``orchestrator plugin check``, as a plugin author uses it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import orchestrator_core
from orchestrator_core.cli.plugin.check import check
from orchestrator_core.testing import BEHAVIOURS, Kind
from tests.testing.family import Plugin, good, wrong
from tests.testing.install import installed, write

(GOOD,) = good(Kind.EXTENSION)
NUMBERS = [*(f"S{number}" for number in range(1, 11)), *(f"E{number}" for number in range(1, 10))]

Command = Callable[..., subprocess.CompletedProcess[str]]


def broken(number: str) -> Plugin:
    return next(plugin for plugin in wrong() if plugin.breaks == number)


def told(*words: str) -> Result:
    """Return the command's output, run in this process."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(check, words)


@pytest.fixture
def command(clean_environment: dict[str, str], tmp_path: Path) -> Command:
    """Run the command in a process of its own, with the plugins of these tests installed."""
    here = tmp_path / "installed"
    here.mkdir()
    write(here, GOOD.kind, GOOD.name, GOOD.entry)

    def run(
        *words: str, cwd: Path = tmp_path, first: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        paths = [first, str(here), *sys.path]
        return subprocess.run(
            [sys.executable, "-m", "orchestrator_core.cli", "plugin", "check", *words],
            env={
                **clean_environment,
                "COLUMNS": "200",
                "PYTHONPATH": ":".join(filter(None, paths)),
                **environment,
            },
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


def test_a_plugin_that_keeps_the_contract(command: Command) -> None:
    done = command(GOOD.name)
    assert (done.returncode, done.stderr) == (0, "")
    for number in NUMBERS:
        assert BEHAVIOURS[number].title[:40] in done.stdout
    assert f"{len(NUMBERS)} pass" in done.stdout.splitlines()[-1]


def test_one_that_does_not_fails_and_tells_where() -> None:
    plugin = broken("E4")
    with plugin.installed():
        done = told(plugin.name)
    assert done.exit_code == 1
    assert "fail: the call was not denied: POST /vm/start/cloud answered 200" in done.stdout
    assert done.stdout.splitlines()[-1].endswith(f"{len(NUMBERS) - 1} pass, 1 fail")
    assert "test_a_start_is_denied" in done.stderr
    assert "let_through_or_denied" in done.stderr


def test_the_table_of_what_could_not_be_run() -> None:
    plugin = broken("E1")
    with plugin.installed():
        done = told(plugin.name)
    assert done.exit_code == 1
    assert "not run: E1 failed" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("10 pass, 1 fail, 8 not run")


def test_json_is_for_programs() -> None:
    plugin = broken("E4")
    with plugin.installed():
        done = told(plugin.name, "--json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["conforms"]) == (1, False)
    assert report["plugin"] == f"extension {plugin.name}"
    assert [one["number"] for one in report["behaviours"]] == NUMBERS
    assert {one["outcome"] for one in report["behaviours"]} == {"pass", "fail"}


def test_markdown_is_for_readmes(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("Hello\n<!-- conformance -->\nold\n<!-- end of conformance -->\nbye\n")
    with GOOD.installed():
        done = told(GOOD.name, "--markdown", "--readme", str(readme))
    assert done.exit_code == 0
    rows = done.stdout.splitlines()
    assert rows[0].endswith(f"{len(NUMBERS)} pass")
    assert [row.split("|")[1].strip() for row in rows[4:]] == NUMBERS
    begin, _, rest = readme.read_text().partition("<!-- conformance -->")
    table, _, end = rest.partition("<!-- end of conformance -->")
    assert (begin, table.strip(), end) == ("Hello\n", done.stdout.strip(), "\nbye\n")


def test_a_readme_without_marks_is_left_as_it_is(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("Hello\n")
    with GOOD.installed():
        done = told(GOOD.name, "--static", "--readme", str(readme))
    assert done.exit_code == 1
    assert "needs a line <!-- conformance -->" in done.stderr
    assert readme.read_text() == "Hello\n"


def test_static_looks_at_the_package_alone() -> None:
    plugin = broken("E1")
    with plugin.installed():
        done = told(plugin.name, "--static", "--json")
    assert done.exit_code == 0
    shown = [one["number"] for one in json.loads(done.stdout)["behaviours"]]
    assert shown == [number for number in NUMBERS if number.startswith("S")]


def test_a_name_without_a_plugin() -> None:
    done = told("unknown")
    assert done.exit_code == 1
    expected = (
        "orchestrator: no plugin called 'unknown' is installed; to list plugins, run: "
        "orchestrator plugins\n"
    )
    assert done.stderr == expected


@contextmanager
def two_kinds() -> Iterator[None]:
    cloud = Plugin(Kind.CLOUD, "good_cloud:GoodCloud")
    told_of = {"Name": "tests-other"}
    with GOOD.installed(), installed(Kind.CLOUD, GOOD.name, cloud.entry, **told_of):
        yield


def test_a_name_of_two_kinds() -> None:
    with two_kinds():
        done = told(GOOD.name, "--static")
    assert done.exit_code == 1
    name = GOOD.name
    assert done.stderr == (
        f"orchestrator: '{name}' is the name of a cloud and extension plugin; pass --kind\n"
    )


@pytest.mark.parametrize("kind", ["cloud", "extension"])
def test_a_name_of_two_kinds_with_the_kind(kind: str) -> None:
    with two_kinds():
        done = told(GOOD.name, "--static", "--json", "--kind", kind)
    assert json.loads(done.stdout)["plugin"] == f"{kind} {GOOD.name}"
    assert done.exit_code == 0


def test_a_kind_that_the_name_has_not() -> None:
    with GOOD.installed():
        done = told(GOOD.name, "--kind", "cloud")
    assert done.exit_code == 1
    assert "fail: the plugin is named by no installed package" in done.stdout


FAKELESS = """
import good_cloud

own = dict(vars(good_cloud.GoodCloud), __module__=__name__)
for name in ("fake", "__dict__", "__weakref__"):
    del own[name]
Fakeless = type("Fakeless", (), own)
"""


def test_settings_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fakeless.py").write_text(FAKELESS)
    monkeypatch.syspath_prepend(tmp_path)
    with installed(Kind.CLOUD, "fakeless", "fakeless:Fakeless"):
        done = told("fakeless")
    assert done.exit_code == 1
    shown = " ".join(done.stdout.replace("│", " ").split())
    assert 'fail: add an attribute fake = "module:function"' in shown
    assert "[clouds.cloud] server: missing" in shown


@pytest.mark.parametrize(
    ("number", "named"), list(enumerate(["nowhere:fake", "good_cloud:no_such", "good_cloud"]))
)
def test_a_fake_that_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, named: str
) -> None:
    module = f"from good_cloud import GoodCloud\nclass Lost(GoodCloud):\n    fake = {named!r}\n"
    (tmp_path / f"lost_{number}.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    with installed(Kind.CLOUD, "lost", f"lost_{number}:Lost"):
        done = told("lost", "--json")
    shown = {one["number"]: one for one in json.loads(done.stdout)["behaviours"]}
    assert shown["C1"]["outcome"] == "fail"
    assert "fake" in shown["C1"]["reason"]
    assert named in shown["C1"]["reason"]


@pytest.mark.parametrize("missing", ["pytest", "uvicorn", "httpx2"])
def test_what_the_kit_needs_is_named(missing: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from orchestrator_core.cli import main\n"
        "sys.argv[1:] = ['plugin', 'check', 'dummy']\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    expected = f"orchestrator: the kit needs {missing}: pip install 'vm-orchestrator[testing]'\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_the_author_s_own_tests_are_not_run(command: Command, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (project / "conftest.py").write_text("raise RuntimeError('not for the kit')\n")
    (project / "test_mine.py").write_text("def test_mine(): assert False\n")
    done = command(
        GOOD.name,
        "--static",
        cwd=project,
        PYTEST_ADDOPTS="--no-such-option -k nothing",
        PYTEST_PLUGINS="no_such_plugin",
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_conftest_around_the_environment_is_not_read(command: Command, tmp_path: Path) -> None:
    packages = tmp_path / "project" / ".venv" / "site-packages"
    here = Path(orchestrator_core.__file__).parent
    shutil.copytree(here, packages / here.name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "project" / "conftest.py").write_text("raise RuntimeError('not for the kit')\n")
    done = command(GOOD.name, "--static", first=str(packages))
    assert (done.returncode, done.stderr) == (0, "")
