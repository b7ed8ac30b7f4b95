"""Two ``dist-info`` folders of one plugin: that of the imported files counts, both are reported."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator_core.api.v2.schemas import PluginsSchema
from orchestrator_core.plugins.discovery import discover
from orchestrator_core.plugins.record import PluginRecord
from tests import commands

CODE = """
from orchestrator_core import CloudDescription, hookimpl


class Driver:
    def __init__(self, context, settings): ...

    @hookimpl
    def describe(self):
        return CloudDescription("twice", "Twice")
"""

Metadata = Callable[..., None]


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return two folders on ``sys.path``, the first one first."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (second, first):
        folder.mkdir()
        monkeypatch.syspath_prepend(str(folder))
    return first, second


def metadata(
    site: Path, version: str, *, record: str | None = None, name: str = "tried_twice"
) -> None:
    """Write a ``dist-info`` folder there; ``record`` is the code that its RECORD lists, if any."""
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    points = "[orchestrator.clouds.v1]\ntwice = twice_module:Driver\n"
    (folder / "entry_points.txt").write_text(points)
    if record is not None:
        digest = base64.urlsafe_b64encode(hashlib.sha256(record.encode()).digest()).rstrip(b"=")
        lines = (
            f"twice_module.py,sha256={digest.decode()},{len(record)}\n{folder.name}/METADATA,,\n"
        )
        (folder / "RECORD").write_text(lines)
    importlib.invalidate_caches()


def code(site: Path, text: str = CODE) -> None:
    (site / "twice_module.py").write_text(text)


def found() -> PluginRecord:
    (record,) = (one for one in discover() if one.name == "twice")
    return record


def told(record: PluginRecord) -> str:
    (warning,) = record.warnings
    return warning


@pytest.mark.parametrize("versions", [("1.9", "1.10"), ("1.10", "1.9"), ("10.0", "9.0")])
def test_of_two_that_list_nothing_the_newest_counts(
    sites: tuple[Path, Path], versions: tuple[str, str]
) -> None:
    code(sites[0])
    for version in versions:
        metadata(sites[0], version)
    newest = max(versions, key=lambda version: [int(part) for part in version.split(".")])
    record = found()
    assert record.version == newest
    assert f"tried_twice is installed more than once: {newest} in {sites[0]} is used" in told(
        record
    )


@pytest.mark.parametrize("there", ["old", "new"])
def test_the_one_that_lists_the_files_as_they_are_counts(
    sites: tuple[Path, Path], there: str
) -> None:
    """After a manual downgrade, the matching folder is that of the older version."""
    texts = {"old": CODE + "# old\n", "new": CODE + "# new\n"}
    code(sites[0], texts[there])
    metadata(sites[0], "1.0", record=texts["old"])
    metadata(sites[0], "2.0", record=texts["new"])
    record = found()
    assert record.version == {"old": "1.0", "new": "2.0"}[there]
    assert "metadata of" in told(record)


def test_metadata_without_its_files_does_not_count(sites: tuple[Path, Path]) -> None:
    metadata(sites[0], "3.0")
    code(sites[1])
    metadata(sites[1], "1.0")
    record = found()
    assert record.version == "1.0"
    assert f"metadata of 3.0 in {sites[0]}" in told(record)


def test_the_first_of_two_whole_ones_counts(sites: tuple[Path, Path]) -> None:
    for site, version in zip(sites, ("1.0", "2.0"), strict=True):
        code(site)
        metadata(site, version, record=CODE)
    assert found().version == "1.0"
    assert f"metadata of 2.0 in {sites[1]}" in told(found())


def test_an_editable_installation_counts_before_what_was_left_of_another(
    sites: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    code(source)
    monkeypatch.syspath_prepend(str(source))
    metadata(sites[0], "9.0", record=CODE)
    metadata(sites[0], "1.0")
    direct = {"url": source.as_uri(), "dir_info": {"editable": True}}
    (sites[0] / "tried_twice-1.0.dist-info" / "direct_url.json").write_text(json.dumps(direct))
    assert found().version == "1.0"


def test_other_spellings_of_the_name_are_the_same_package(sites: tuple[Path, Path]) -> None:
    code(sites[0])
    metadata(sites[0], "1.0", name="Tried.Twice")
    metadata(sites[0], "2.0", name="tried_twice")
    assert found().version == "2.0"
    assert "metadata of 1.0" in told(found())


def test_one_version_in_two_places_is_fine(sites: tuple[Path, Path]) -> None:
    for site in sites:
        code(site)
        metadata(site, "1.0", record=CODE)
    assert found().warnings == ()


def test_the_command_line_tells_it(
    sites: tuple[Path, Path], clean_environment: dict[str, str]
) -> None:
    code(sites[0])
    metadata(sites[0], "1.0")
    metadata(sites[0], "2.0")
    variables = {**clean_environment, "PYTHONPATH": str(sites[0])}
    done = commands.run("plugins", "--json", environment=variables)
    done.check_returncode()
    shown = json.loads(done.stdout)
    assert PluginsSchema().validate(shown) == {}  # the object of `GET /plugins`
    (told,) = (one for one in shown["plugins"] if one["name"] == "twice")
    assert (told["version"], told["state"]) == ("2.0", "loaded")
    assert "tried_twice is installed more than once: 2.0" in told["warnings"][0]
    assert str(sites[0].parent) not in done.stdout  # Paths of the machine are not reported.
