"""Packages as users get them: built wheels and their installation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (
    ".",
    "plugins/dummy_plugin",
    "plugins/libcloud_plugin",
    "plugins/cistern_plugin",
    "examples/policy_extension",
    "examples/audit_extension",
)
_OURS = ("vm_orchestrator", "__editable__")
_PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
_ALONE = ["--no-deps", "--no-build-isolation"]


def copy_of(source: Path, directory: Path) -> Path:
    """Copy a package so that it can be built without leaving files in the checkout."""
    left_out = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    return Path(shutil.copytree(source, directory, ignore=left_out))


def build(wheels: Path, *sources: Path) -> None:
    command = [*_PIP, "wheel", *_ALONE, "--wheel-dir", str(wheels)]
    subprocess.run([*command, *map(str, sources)], check=True)


def install(target: Path, *sources: Path) -> None:
    """Install packages without their requirements into a directory for PYTHONPATH."""
    command = [*_PIP, "install", *_ALONE, "--target", str(target)]
    subprocess.run([*command, *map(str, sources)], check=True)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build wheels of all packages."""
    directory = tmp_path_factory.mktemp("packages")
    copy = copy_of(ROOT, directory / "checkout")
    build(directory, *(copy / folder for folder in PACKAGES))
    return directory


def make_venv(directory: Path) -> None:
    """Make a virtual environment with all requirements and without our own packages.

    The result is that of ``python3 -m venv`` and of pip installing the requirements, without the
    network.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
    others = directory / "others"
    others.mkdir()
    for installed in Path(sysconfig.get_path("purelib")).iterdir():
        if not installed.name.startswith(_OURS) and installed.suffix != ".pth":
            (others / installed.name).symlink_to(installed)
    (site_packages,) = directory.glob("lib/python*/site-packages")
    (site_packages / "others.pth").write_text(f"{others}\n")
    for name in ("pip", "pytest"):
        script = directory / "bin" / name
        run = f"import runpy\nrunpy.run_module({name!r}, run_name='__main__', alter_sys=True)\n"
        script.write_text(f"#!{directory}/bin/python\n{run}")
        script.chmod(0o755)


def without_the_network(wheels: Path) -> dict[str, str]:
    """Return the environment in which pip takes packages only from our wheels."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORCHESTRATOR", "PIP_"))}
    for variable in ("PYTHONPATH", "VIRTUAL_ENV", "PYTEST_ADDOPTS"):
        kept.pop(variable, None)
    return {
        **kept,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_BUILD_ISOLATION": "0",  # which means that there is none
        "PIP_NO_INDEX": "1",
    }
