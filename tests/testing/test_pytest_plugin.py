"""The kit's plugin for pytest: no silent success, and no cost for runs without it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.metrics import meter as meters
from orchestrator_core.testing import Kind
from orchestrator_core.testing.runner.run import run as run_suite
from tests.testing.family import Plugin, good, wrong
from tests.testing.install import write

pytest_plugins = ["pytester"]

Outcome = pytest.RunResult
Inner = Callable[..., Outcome]

GOOD = "good_extension:GoodExtension"
SUITE = """
from orchestrator_core.testing import make_suite
TestPlugin = make_suite("extension", "tried")
"""
OUTCOMES = 19
"""The number of behaviours for an extension."""

SLOW = ("cacheprovider", "unraisableexception", "hypothesispytest", "xdist", "anyio", "timeout")
"""Plugins of pytest that an inner run disables: some take longer than its tests."""

TWO = ["-k", "test_it_is_ready or test_reads"]
"""E1 and E2 alone, since more behaviours would show no more."""


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Import all modules of a run in advance: each inner run forgets what it imports first."""
    (plugin,) = good(Kind.EXTENSION)
    with plugin.installed():
        run_suite(plugin.subject)


@pytest.fixture
def inner(pytester: pytest.Pytester) -> Inner:
    """Return ``inner(entry, module, conftest, *options)``, which runs pytest once more."""
    installed = pytester.mkdir("installed")
    pytester.syspathinsert(installed)

    def run(entry: str, module: str, conftest: str = "", *options: str) -> Outcome:
        write(installed, Kind.EXTENSION, "tried", entry)
        pytester.makeconftest(conftest)
        pytester.makepyfile(module)
        without = [word for name in SLOW for word in ("-p", f"no:{name}")]
        return pytester.runpytest_inprocess(*without, *options)

    return run


def red(done: Outcome) -> dict[str, int]:
    """Return the numbers of passed tests, and of failed ones in any phase."""
    counts = done.parseoutcomes()
    failed = counts.get("failed", 0) + counts.get("errors", 0)
    assert (done.ret == 1) == bool(failed)
    assert "skipped" not in counts
    return {"passed": counts["passed"], "red": failed}


def broken(number: str) -> Plugin:
    return next(plugin for plugin in wrong() if plugin.breaks == number)


def test_a_suite_passes_as_tests_do(inner: Inner) -> None:
    done = inner(GOOD, SUITE)
    done.assert_outcomes(passed=OUTCOMES)
    assert done.ret == 0
    done.stdout.fnmatch_lines(
        ["*conformance of extension tried*", "S1   pass", "E9   pass", f"*: {OUTCOMES} pass"]
    )


def test_a_behaviour_fails_as_a_test_does_with_its_reason(inner: Inner) -> None:
    done = inner(broken("E4").entry, SUITE)
    done.assert_outcomes(passed=OUTCOMES - 1, failed=1)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["E4   fail: the call was not denied: POST /vm/start/cloud answered 200*"]
    )


def test_what_a_gate_keeps_from_being_shown_is_skipped_beside_a_failure(inner: Inner) -> None:
    done = inner(broken("E1").entry, SUITE)
    done.assert_outcomes(passed=10, failed=1, skipped=8)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["E1   fail: *", "E2   not run: E1 failed"])


def test_what_is_not_asked_passes_and_says_why(inner: Inner) -> None:
    done = inner(broken("E3").entry, SUITE)
    done.assert_outcomes(passed=OUTCOMES - 1, failed=1)
    done.stdout.fnmatch_lines(["E9   unsupported: the extension denies every start"])


@pytest.mark.parametrize(
    "body", ["def test_reads(self): pass", "test_reads = None", "test_reads = property()"]
)
def test_a_behaviour_that_is_overridden_or_deleted_is_a_failure(inner: Inner, body: str) -> None:
    module = f"""
    from orchestrator_core.testing import make_suite
    class TestPlugin(make_suite("extension", "tried")):
        {body}
    """
    done = inner(GOOD, module, "", "-k", "test_it_is_ready or E2")
    assert red(done) == {"passed": 1, "red": 1}
    done.stdout.fnmatch_lines(
        [
            "*E2 (test_reads) is overridden in TestPlugin; keep every behaviour of the suite*",
            "E2   not run: the behaviour was not selected",
        ]
    )


MARKS = """
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        if item.name == "test_reads":
            item.add_marker({mark})
"""


@pytest.mark.parametrize(
    "mark",
    [
        "pytest.mark.skip",
        "pytest.mark.skipif(True, reason='it is late')",
        "pytest.mark.xfail",
        "pytest.mark.xfail(strict=True)",
        "pytest.mark.xfail(run=False)",
    ],
)
def test_a_behaviour_that_is_marked_away_is_a_failure(inner: Inner, mark: str) -> None:
    done = inner(GOOD, SUITE, MARKS.format(mark=mark), *TWO)
    assert red(done) == {"passed": 1, "red": 1}
    done.stdout.fnmatch_lines(["E2   fail: *"])


def test_a_behaviour_that_fails_as_expected_fails(inner: Inner) -> None:
    done = inner(broken("E2").entry, SUITE, MARKS.format(mark="pytest.mark.xfail"), *TWO)
    assert red(done) == {"passed": 1, "red": 1}


SKIPS = """
import pytest
@pytest.fixture(autouse=True)
def moody(request):
    if request.node.name == "test_reads":
        pytest.skip("not today")
"""


def test_a_behaviour_that_a_fixture_skips_is_a_failure(inner: Inner) -> None:
    done = inner(GOOD, SUITE, SKIPS, *TWO)
    assert red(done) == {"passed": 1, "red": 1}
    done.stdout.fnmatch_lines(["E2   fail: *can be neither skipped nor expected to fail"])


def test_what_is_deselected_is_not_run(inner: Inner, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    done = inner(GOOD, SUITE, "", "-k", "not test_reads", "--conformance-json", str(file))
    done.assert_outcomes(passed=OUTCOMES - 1, deselected=1)
    done.stdout.fnmatch_lines(["E2   not run: the behaviour was not selected", "*1 not run*"])
    assert outcomes(file)["E2"] == "not run"
    assert not json.loads(file.read_text())[0]["conforms"]


def outcomes(file: Path) -> dict[str, str]:
    (suite,) = json.loads(file.read_text())
    return {one["number"]: one["outcome"] for one in suite["behaviours"]}


def test_the_results_are_written_as_json(inner: Inner, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    inner(broken("E4").entry, SUITE, "", "--conformance-json", str(file))
    (suite,) = json.loads(file.read_text())
    assert (suite["plugin"], suite["conforms"]) == ("extension tried", False)
    (failed,) = (one for one in suite["behaviours"] if one["outcome"] == "fail")
    assert failed["number"] == "E4"
    assert failed["reason"].startswith("the call was not denied")
    assert failed["title"].startswith("A denied start is answered with 403")


def test_classes_of_ones_own_show_what_they_are_made_of(inner: Inner, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    module = """
    from orchestrator_core.testing import BaseExtension, BasePackage, Kind, Subject
    class TestPackage(BasePackage):
        subject = Subject(Kind.EXTENSION, "tried")
    class TestBehaviour(BaseExtension):
        subject = Subject(Kind.EXTENSION, "tried")
        def test_of_my_own(self, extension):
            assert extension.api.get("/nodes/cloud").status == 200
    """
    done = inner(GOOD, module, "", "--conformance-json", str(file))
    done.assert_outcomes(passed=OUTCOMES + 1)
    assert set(outcomes(file).values()) == {"pass"}
    assert len(outcomes(file)) == OUTCOMES


def test_a_behaviour_that_two_classes_show_has_the_worse_outcome(
    inner: Inner, tmp_path: Path
) -> None:
    file = tmp_path / "out.json"
    module = """
    from orchestrator_core.testing import make_suite
    TestOne = make_suite("extension", "tried")
    TestOther = make_suite("extension", "tried")
    """
    one = """
    def pytest_collection_modifyitems(items):
        next(item for item in items if item.name == "test_reads").add_marker("skip")
    """
    done = inner(GOOD, module, one, *TWO, "--conformance-json", str(file))
    assert red(done) == {"passed": 3, "red": 1}
    assert outcomes(file)["E2"] == "fail"
    done.stdout.fnmatch_lines([f"*: 1 pass, 1 fail, {OUTCOMES - 2} not run"])


README = """
    from pathlib import Path
    from orchestrator_core.testing import make_suite
    TestPlugin = make_suite("extension", "tried", readme=Path(__file__).with_name("README.md"))
"""


def test_a_readme_is_held_to_what_came_out(inner: Inner, pytester: pytest.Pytester) -> None:
    readme = pytester.path / "README.md"
    readme.write_text("<!-- conformance -->\n<!-- end of conformance -->\n")
    done = inner(GOOD, README)
    done.assert_outcomes(passed=OUTCOMES, failed=1)
    done.stdout.fnmatch_lines(["*orchestrator plugin check tried --readme README.md*"])


def test_a_readme_is_not_looked_at_for_a_part_of_the_suite(
    inner: Inner, pytester: pytest.Pytester
) -> None:
    (pytester.path / "README.md").write_text("nothing\n")
    done = inner(GOOD, README, "", "-k", "not test_reads")
    done.assert_outcomes(passed=OUTCOMES - 1, skipped=1, deselected=1)


API = """
    import pytest
    def test_of_my_own(orchestrator_api):
        api = orchestrator_api("cloud", "dummy", {"provider_label": "mine"})
        nodes = api.get("/nodes/cloud").json["nodes"]
        assert [(node["id"], node["provider"]) for node in nodes] == [("1", "mine"), ("2", "mine")]
        assert api.post("/vm/start/cloud", {}).status == 400
    def test_of_another_kind(orchestrator_api):
        api = orchestrator_api("extension", "tried", {"token": "env:TRIED_TOKEN"})
        wanted = {"name": "evil", "image": "1", "size": "1"}
        assert api.post("/vm/start/cloud", wanted).error_code == "forbidden"
"""


def test_a_fixture_serves_a_plugin_for_tests_of_ones_own(
    inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIED_TOKEN", "hunter2")
    inner(GOOD, API).assert_outcomes(passed=2)


def test_nothing_is_shown_of_a_mere_collection(inner: Inner, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    done = inner(GOOD, SUITE, "", "--collect-only", "--conformance-json", str(file))
    done.stdout.no_fnmatch_line("*conformance of*")
    assert not file.exists()


def test_it_can_be_switched_off(inner: Inner) -> None:
    done = inner(GOOD, SUITE, "", "-p", "no:orchestrator")
    done.assert_outcomes(passed=OUTCOMES)
    done.stdout.no_fnmatch_line("*conformance of*")


LIGHT = """
    import sys
    def test_light():
        heavy = ["orchestrator_core.testing", "httpx2", "uvicorn", "falcon", "sqlalchemy"]
        assert "orchestrator_core.pytest_plugin" in sys.modules
        assert [name for name in heavy if name in sys.modules] == []
"""


def test_who_does_not_use_it_does_not_load_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(LIGHT)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=1)
    done.stdout.no_fnmatch_line("*conformance*")


def test_results_come_from_other_processes(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = pytester.mkdir("installed")
    write(installed, Kind.EXTENSION, "tried", broken("E4").entry)
    paths = [str(installed), *(path for path in sys.path if path)]
    monkeypatch.setenv("PYTHONPATH", ":".join(paths))
    pytester.makepyfile(SUITE)
    file = tmp_path / "out.json"
    options = ["-p", "no:cacheprovider", "-n", "2", "--dist", "loadscope"]
    selected = ["-k", "not test_reads", "--conformance-json", str(file)]
    done = pytester.runpytest_subprocess(*options, *selected)
    done.assert_outcomes(passed=OUTCOMES - 2, failed=1)
    done.stdout.fnmatch_lines(
        ["E2   not run: the behaviour was not selected", "E4   fail: the call was not denied*"]
    )
    shown: dict[str, Any] = outcomes(file)
    assert (len(shown), shown["E2"], shown["E4"]) == (OUTCOMES, "not run", "fail")


def test_a_run_leaves_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an application sets meanwhile, such as the folder of its metrics, is still used."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "--verbose")
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    (plugin,) = good(Kind.EXTENSION)
    monkeypatch.setattr(meters._Current, "meter", meters.Meter())
    with plugin.installed():
        run_suite(plugin.subject, only={"E2"})
    assert os.environ["PYTEST_ADDOPTS"] == "--verbose"
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"]
