"""Discovery, filtering and loading of plugins, in this process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from orchestrator_core.errors import PluginError
from orchestrator_core.plugins import loader
from orchestrator_core.plugins.discovery import discover
from orchestrator_core.plugins.loader import Plugins, load_plugins
from orchestrator_core.plugins.record import Kind, PluginRecord, State
from orchestrator_core.settings.model import PluginSettings

GROUP = "[orchestrator.clouds.v1]\n"
PREFIX = "tried-"
"""The prefix of all packages that are made here."""

DRIVER = """
from orchestrator_core import CloudDescription, hookimpl

class Driver:
    @hookimpl
    def describe(self):
        return CloudDescription("tried", "Tried")
"""

Install = Callable[..., None]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path]]:
    """Return two folders for packages, the first before the second on ``sys.path``."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (second, first):
        folder.mkdir()
        monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield first, second
    for name in set(sys.modules) - before:
        if name.startswith("tried_"):
            del sys.modules[name]


@pytest.fixture
def install(folders: tuple[Path, Path]) -> Install:
    """Return ``install(name, points="a = module:Class", code=...)``, which writes a package."""

    def put(  # noqa: PLR0913 - all but the first have defaults
        name: str,
        points: str | bytes = "tried = tried_module:Driver\n",
        *,
        code: str = DRIVER,
        number: str = "1.0",
        requires: tuple[str, ...] = (),
        place: int = 0,
    ) -> None:
        folder = folders[place]
        metadata = folder / f"tried_{name}-{number}.dist-info"
        metadata.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {PREFIX}{name}", f"Version: {number}"]
        lines += [f"Requires-Dist: {text}" for text in requires]
        (metadata / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
        raw = points if isinstance(points, bytes) else (GROUP + points).encode()
        (metadata / "entry_points.txt").write_bytes(raw)
        (folder / "tried_module.py").write_text(code, encoding="utf-8")
        importlib.invalidate_caches()

    return put


def ours(records: list[PluginRecord]) -> list[PluginRecord]:
    return [record for record in records if record.distribution.startswith(PREFIX)]


def load(
    *, allow: tuple[str, ...] | None = None, deny: tuple[str, ...] = (), require: str = ""
) -> list[PluginRecord]:
    required = (require,) if require else ()
    return ours(load_plugins(PluginSettings(allow=allow, deny=deny, require=required)).records)


def only(records: list[PluginRecord]) -> PluginRecord:
    (record,) = records
    return record


# --- discovery ----------------------------------------------------------------------------


def test_records_are_sorted_whatever_the_order_of_the_packages(install: Install) -> None:
    install("zebra", "one = m:A\n")
    install("ant", "two = m:A\none = m:A\n[orchestrator.assignments.v1]\nthree = m:A\n", place=1)
    found = [(r.kind.value, r.name, r.distribution) for r in ours(discover())]
    assert found == [
        ("assignment", "three", "tried-ant"),
        ("cloud", "one", "tried-ant"),
        ("cloud", "one", "tried-zebra"),
        ("cloud", "two", "tried-ant"),
    ]


def test_nothing_is_imported_to_find_a_plugin(install: Install) -> None:
    install("a", code="raise SystemExit")
    record = only(ours(discover()))
    assert (record.state, record.version) == (State.FOUND, "1.0")
    assert "tried_module" not in sys.modules


def test_of_a_package_that_is_there_twice_the_first_counts(install: Install) -> None:
    install("twice", number="2.0", place=0)
    install("twice", number="1.0", place=1)
    assert [record.version for record in ours(discover())] == ["2.0"]
    assert only(load()).state is State.LOADED  # It does not conflict with itself.


def test_a_package_that_is_shadowed_brings_nothing(install: Install) -> None:
    install("twice", "new = tried_module:Driver\n", number="2.0", place=0)
    install("twice", "old = tried_module:Driver\n", number="1.0", place=1)
    assert [record.name for record in ours(discover())] == ["new"]


@pytest.mark.parametrize("points", [b"[orchestrator.clouds.v1]\nno sign\n", b"[\xff]\na = b:c\n"])
def test_damaged_metadata_costs_only_its_own_package(install: Install, points: bytes) -> None:
    install("damaged", points, place=0)
    install("whole", place=1)
    with capture_logs() as lines:
        assert [record.distribution for record in load()] == ["tried-whole"]
    assert "package metadata unreadable" in [line["event"] for line in lines]


# --- versions -----------------------------------------------------------------------------

CURRENT = version("vm-orchestrator")


@pytest.mark.parametrize(
    ("requires", "state"),
    [
        ((), State.LOADED),
        (("pluggy>=99",), State.LOADED),
        (("vm-orchestrator",), State.LOADED),
        ((f"vm-orchestrator=={CURRENT}",), State.LOADED),
        ((f"VM_Orchestrator=={CURRENT}",), State.LOADED),
        (("vm-orchestrator>=99",), State.INCOMPATIBLE),
        ((f"vm-orchestrator<{CURRENT}",), State.INCOMPATIBLE),
        (("vm-orchestrator", "vm-orchestrator>=99"), State.INCOMPATIBLE),
        (("vm-orchestrator>=99", "vm-orchestrator"), State.INCOMPATIBLE),
        (('vm-orchestrator>=99; extra == "dev"',), State.LOADED),
        (('vm-orchestrator>=99; python_version < "3"',), State.LOADED),
        (('vm-orchestrator>=99; python_version >= "3"',), State.INCOMPATIBLE),
    ],
)
def test_the_core_must_be_in_the_range_that_the_package_declares(
    install: Install, requires: tuple[str, ...], state: State
) -> None:
    install("a", requires=requires)
    assert only(load()).state is state


@pytest.mark.parametrize(
    ("core", "wanted", "fits"),
    [
        ("0.2.0rc1", ">=0.1,<0.3", True),
        ("0.2.0.dev4", ">=0.1", True),
        ("0.2.0rc1", ">=0.2", False),
        ("0.2.0rc1", ">=0.2.0rc1", True),
        ("0.1.0+local", "==0.1.0", True),
        ("0.1.0", "~=0.1.0", True),
        ("0.2.0", "~=0.1.0", False),
    ],
)
def test_a_core_before_its_release_counts_as_what_it_is(
    install: Install, monkeypatch: pytest.MonkeyPatch, core: str, wanted: str, *, fits: bool
) -> None:
    monkeypatch.setattr(loader, "core_version", lambda: core)
    install("a", requires=(f"vm-orchestrator{wanted}",))
    record = only(load())
    assert record.state is (State.LOADED if fits else State.INCOMPATIBLE)
    if not fits:
        assert record.stage == "version"
        assert f"{core} is installed" in record.message


# --- importing ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "stage", "reason"),
    [
        ("raise SystemExit(3)", "import", "SystemExit: 3"),
        ("assert not 1", "import", "AssertionError"),
        ("raise GeneratorExit", "import", "GeneratorExit"),
        ("def (", "import", "SyntaxError: invalid syntax (tried_module.py, line 1)"),
        ("raise ValueError('one\\n two')", "import", "ValueError: one two"),
        ("pass", "import", "module 'tried_module' has no attribute 'Driver'"),
        ("Driver = 7", "hooks", "something of type int, which is not a class"),
        (
            """
class Odd(type):
    def __getattribute__(cls, name): raise SystemExit(4)
class Driver(metaclass=Odd): pass
""",
            "hooks",
            "SystemExit: 4",
        ),
        (
            "class Odd(BaseException):\n    def __str__(self): raise SystemExit\nraise Odd",
            "import",
            "Odd: (an error whose text cannot be read)",
        ),
    ],
)
def test_nothing_that_a_module_does_ends_the_loading(
    install: Install, code: str, stage: str, reason: str
) -> None:
    install("a", code=code)
    record = only(load())
    assert (record.state, record.stage, record.factory) == (State.FAILED, stage, None)
    assert reason in record.message


def test_an_entry_point_that_is_none_fails_at_its_import(install: Install) -> None:
    install("a", "tried = no module!\n")
    record = only(load())
    assert (record.state, record.stage) == (State.FAILED, "import")


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("from orchestrator_core import nothing_like_it", "'orchestrator_core' (__init__.py)"),
        ("open('/some/folder/of mine')", "No such file or directory: 'of mine'"),
        ("raise ValueError('http://host/a/b and/or c')", "ValueError: http://host/a/b and/or c"),
    ],
)
def test_the_report_tells_no_folder(install: Install, code: str, shown: str) -> None:
    install("a", code=code)
    record = only(load())
    assert record.report()["detail"].endswith(shown)
    if "__init__" in shown:
        assert "/orchestrator_core/__init__.py" in record.message  # for the log


# --- allow, deny, require -----------------------------------------------------------------


@pytest.mark.parametrize("word", ["tried", "tried-a", "Tried_A"])
def test_a_word_is_a_plugin_or_its_package(install: Install, word: str) -> None:
    install("a", code="raise SystemExit")
    assert only(load(deny=(word,))).message == "denied by the settings"
    assert only(load(allow=(word,))).stage == "import"
    assert only(load(allow=("other",))).message == "not in the settings' allow list"
    assert only(load(allow=(word,), deny=(word,))).state is State.DISABLED
    with pytest.raises(PluginError, match=f"{word}: cloud tried .* is failed at import"):
        load(require=word)


def test_what_is_denied_is_not_imported(install: Install) -> None:
    install("a")
    load(deny=("tried",))
    assert "tried_module" not in sys.modules


def test_who_claims_a_name_with_another_is_not_imported(install: Install) -> None:
    install("a")
    install("b", place=1)
    found = load()
    assert [record.stage for record in found] == ["name", "name"]
    assert "also claimed by tried-b" in found[0].message
    assert "also claimed by tried-a" in found[1].message
    assert "tried_module" not in sys.modules


def test_a_rival_that_is_denied_or_does_not_fit_is_none(install: Install) -> None:
    install("a")
    install("b", place=1, requires=("vm-orchestrator>=99",))
    assert [record.state for record in load()] == [State.LOADED, State.INCOMPATIBLE]
    assert [record.state for record in load(deny=("tried-b",))] == [State.LOADED, State.DISABLED]
    assert [record.state for record in load(allow=("tried-a",))] == [State.LOADED, State.DISABLED]


def test_the_same_name_for_another_kind_is_no_clash(install: Install) -> None:
    install("a")
    points = b"[orchestrator.assignments.v1]\ntried = tried_module:Driver\n"
    install("b", points, place=1, code="class Driver: pass")
    assert {record.stage for record in load()} <= {"", "hooks"}


def test_a_name_that_is_required_is_there_once_its_rival_is_denied(install: Install) -> None:
    install("a")
    install("b", place=1)
    with pytest.raises(PluginError, match=r"also claimed by tried-b(.|\n)*also claimed by tried-a"):
        load(require="tried")
    assert len(load(require="tried", deny=("tried-b",))) == 2
    with pytest.raises(PluginError, match=r"tried-b: cloud tried .* is disabled at settings"):
        load(require="tried-b", deny=("tried-b",))


def test_of_a_package_that_is_required_every_plugin_must_load(install: Install) -> None:
    install("a", "tried = tried_module:Driver\nother = tried_module:Nothing\n")
    load(require="tried")
    with pytest.raises(PluginError, match=r"tried-a: cloud other .* has no attribute 'Nothing'"):
        load(require="tried-a")


def test_all_that_is_required_and_not_there_is_named_at_once() -> None:
    with pytest.raises(PluginError) as caught:
        load_plugins(PluginSettings(require=("absent-one", "absent-two")))
    assert "absent-one: not installed\nabsent-two: not installed" in caught.value.message


def test_a_loaded_plugin_goes_before_its_rivals(install: Install) -> None:
    install("a")
    install("b", place=1)
    records = load(deny=("tried-a",))
    for order in (records, records[::-1]):
        found = Plugins(order).get(Kind.CLOUD, "tried")
        assert found is not None
        assert found.distribution == "tried-b"
    assert Plugins(records).get(Kind.ASSIGNMENT, "tried") is None
    assert Plugins(records).names(Kind.CLOUD) == ["tried"]
