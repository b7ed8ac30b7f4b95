"""Packages as users get them: built wheels and their installation."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

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

_BUILD = """
import os, sys
from setuptools import build_meta
wheels, *sources = sys.argv[1:]
for source in sources:
    os.chdir(source)
    build_meta.build_wheel(wheels)
"""
"""Pip would start a Python for each, which takes ten times as long as building."""


def once_for_all_workers(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Path:
    """Return a folder that the first of all processes of this run has filled.

    Args:
        factory: this process's factory of folders.
        name: the folder's name.
        make: a function that fills the folder, which exists and is empty.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, made = shared / name, shared / f"{name}.made"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def copy_of(source: Path, directory: Path) -> Path:
    """Copy a package so that it can be built without leaving files in the checkout."""
    left_out = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    return Path(shutil.copytree(source, directory, ignore=left_out))


def build(wheels: Path, *sources: Path) -> None:
    """Build the wheels of packages; the build files stay in the packages' folders."""
    command = [sys.executable, "-c", _BUILD, str(wheels), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def install(target: Path, *sources: Path) -> None:
    """Install packages without their requirements into a directory for PYTHONPATH.

    Args:
        target: the directory; it is made if it does not exist.
        sources: wheels and folders of sources, in which something can be built.
    """
    with TemporaryDirectory() as made:
        folders = [source for source in sources if source.is_dir()]
        build(Path(made), *folders)
        given = [source for source in sources if not source.is_dir()]
        for wheel in (*Path(made).glob("*.whl"), *given):
            with zipfile.ZipFile(wheel) as archive:
                # A wheel of pure Python without scripts is installed when it is unpacked.
                assert not any(".data/" in name for name in archive.namelist())
                archive.extractall(target)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build wheels of all packages."""

    def make(directory: Path) -> None:
        copy = copy_of(ROOT, directory / "checkout")
        build(directory, *(copy / folder for folder in PACKAGES))

    return once_for_all_workers(tmp_path_factory, "packages", make)


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
