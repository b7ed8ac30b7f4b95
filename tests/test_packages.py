"""The packages: each builds alone and contains what it needs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "vm_orchestrator": (".", "orchestrator_core", "orchestrator = orchestrator_core.cli:main"),
    "vm_orchestrator_dummy": (
        "plugins/dummy_plugin",
        "orchestrator_dummy",
        "dummy = orchestrator_dummy:FaultInjectionDriver",
    ),
    "vm_orchestrator_libcloud": (
        "plugins/libcloud_plugin",
        "orchestrator_libcloud",
        "libcloud = orchestrator_libcloud:LibcloudDriver",
    ),
    "vm_orchestrator_cistern": (
        "plugins/cistern_plugin",
        "orchestrator_cistern",
        "cistern = orchestrator_cistern:CisternBackend",
    ),
    "vm_orchestrator_policy": (
        "examples/policy_extension",
        "orchestrator_policy",
        "policy = orchestrator_policy:Policy",
    ),
    "vm_orchestrator_audit": (
        "examples/audit_extension",
        "orchestrator_audit",
        "audit = orchestrator_audit:Audit",
    ),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_carries_what_it_needs(wheels: Path, name: str) -> None:
    _, module, entry_point = PACKAGES[name]
    (wheel,) = wheels.glob(f"{name}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry_points,) = (item for item in names if item.endswith("entry_points.txt"))
        assert entry_point in archive.read(entry_points).decode()
    assert f"{module}/py.typed" in names
    tops = {item.split("/")[0] for item in names if ".dist-info/" not in item}
    assert tops == {module}


def test_the_core_carries_the_configuration(wheels: Path, tmp_path: Path) -> None:
    (wheel,) = wheels.glob("vm_orchestrator-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    for shipped in (ROOT / "conf").glob("*.*"):
        carried = tmp_path / "orchestrator_core" / "conf" / shipped.name
        assert carried.read_bytes() == shipped.read_bytes()


def test_the_core_carries_what_a_new_plugin_is_made_of(wheels: Path) -> None:
    (wheel,) = wheels.glob("vm_orchestrator-*.whl")
    templates = ROOT / "orchestrator_core" / "cli" / "plugin" / "package-templates"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for file in templates.rglob("*.*"):
        assert str(file.relative_to(ROOT)) in names
    assert f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info/licenses/LICENSE" in names
