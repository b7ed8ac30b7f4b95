"""A plugin's migration history: reading it from files, and errors in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator_core.errors import PluginError
from orchestrator_core.plugins.migrations import migrations_of, read_history


def step(revision: str, before: str | None) -> str:
    return f'revision = "{revision}"\ndown_revision = {before!r}\n'


def put(folder: Path, *modules: str) -> Path:
    (folder / "__init__.py").touch()
    for number, text in enumerate(modules):
        (folder / f"module_{number}.py").write_text(text)
    return folder


def test_the_order_is_the_history_s_and_nothing_is_run(tmp_path: Path) -> None:
    first, second = step("b", None), 'revision: str = "a"\ndown_revision: str | None = "b"\n'
    folder = put(tmp_path, step("c", "a"), f"{first}raise SystemExit\n", second)
    assert read_history(folder) == ("b", "a", "c")


@pytest.mark.parametrize(
    ("modules", "why"),
    [
        ([], "the migrations' package contains no migration"),
        ([step("1", None), step("2", None)], "migrations 1 and 2 both follow nothing"),
        (
            [step("1", None), step("2", "1"), step("3", "1")],
            "migrations 2 and 3 both follow 1",
        ),
        ([step("1", None), step("3", "2")], "migration 3 follows 2, which does not follow"),
        ([step("1", "2"), step("2", "1")], "which does not follow from the first"),
        (["x = 1\n"], "migration module_0.py has no revision ="),
        ([step("", None)], "has no revision ="),
        ([step("1" * 33, None)], "of 1 to 32 characters"),
        (['revision = "1"\n'], "has no down_revision = None or one revision"),
        (['revision = "1"\ndown_revision = ("0", "2")\n'], "has no down_revision = None or one"),
        (['revision = "1"\ndown_revision = older()\n'], "has no down_revision = None or one"),
        (["revision = (\n"], "migration module_0.py is not Python"),
    ],
)
def test_what_is_no_straight_line_is_refused(tmp_path: Path, modules: list[str], why: str) -> None:
    with pytest.raises(PluginError) as caught:
        read_history(put(tmp_path, *modules))
    assert why in caught.value.message


class _Plugin:
    migrations: object = "tried_history"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tried_history").mkdir()
    put(tmp_path / "tried_history", step("1", None))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tried_history", raising=False)


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("name", ["audit", "a2", "my_audit", "x" * 24])
def test_names_are_made_of_kind_and_name(name: str) -> None:
    found = migrations_of("extension", name, _Plugin)
    assert found is not None
    assert found.version_table == f"alembic_version_extension_{name}"
    assert len(found.version_table) <= 63
    assert found.owns(f"extension_{name}__x")
    assert found.owns(found.version_table)
    for foreign in (f"extension_{name}_2__x", f"cloud_{name}__x", f"extension_{name}_x", "vms"):
        assert not found.owns(foreign)


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("name", ["", "A", "a-b", "a.b", "a__b", "_a", "a_", "2a", "x" * 25])
def test_a_name_that_cannot_begin_a_table_s_is_refused(name: str) -> None:
    with pytest.raises(PluginError, match="needs a name of a-z, 0-9 and single underscores"):
        migrations_of("extension", name, _Plugin)


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("not.there", "'not.there', which is not a package"),
        ("", "'', which is not a package"),
        ("sys", "'sys', which is not a package"),
        (7, "migrations is of type int; it must name a package"),
    ],
)
def test_a_package_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, named: object, why: str
) -> None:
    monkeypatch.setattr(_Plugin, "migrations", named)
    with pytest.raises(PluginError) as caught:
        migrations_of("extension", "x", _Plugin)
    assert why in caught.value.message


def test_most_plugins_have_none() -> None:
    assert migrations_of("cloud", "Any-Name", object) is None
