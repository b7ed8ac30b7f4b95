"""Driver objects: one for each thread, made, kept and replaced."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from orchestrator_core import Deadline, PluginError
from orchestrator_libcloud import providers
from orchestrator_libcloud.sessions import Sessions
from orchestrator_libcloud.settings import LibcloudSettings

_LAZY = """
import sys
from pathlib import Path
from orchestrator_core import PluginContext
from orchestrator_libcloud import LibcloudDriver

def loaded():
    return sorted(m for m in sys.modules if m.startswith("libcloud.compute.drivers."))

assert not any(m.startswith("libcloud") for m in sys.modules)
settings = LibcloudDriver.settings_schema().load({"provider": "ec2", "key": "k",
    "region": "eu-west-1", "arguments": {"secret": "s"}})
driver = LibcloudDriver(PluginContext("aws", Path(".")), settings)
assert loaded() == [], loaded()
described = driver.describe()
assert described.host == "ec2.eu-west-1.amazonaws.com", described
assert loaded() == ["libcloud.compute.drivers.ec2"], loaded()
"""


def sessions(**settings: Any) -> Sessions:
    return Sessions(LibcloudSettings().load(settings))


@pytest.fixture
def vultr() -> Sessions:
    return sessions(provider="vultr", key="k")


def test_provider_modules_are_imported_at_first_use() -> None:
    subprocess.run([sys.executable, "-c", _LAZY], check=True)


def test_each_thread_has_a_driver_of_its_own(vultr: Sessions, deadline: Deadline) -> None:
    barrier = threading.Barrier(4)

    def both() -> tuple[Any, Any]:
        with vultr.driver(deadline) as first:
            barrier.wait(timeout=10)
        with vultr.driver(deadline) as second:
            return first, second

    with ThreadPoolExecutor(4) as pool:
        pairs = [future.result() for future in [pool.submit(both) for _ in range(4)]]
    assert all(first is second for first, second in pairs)
    assert len({id(first) for first, _ in pairs}) == 4


def test_a_cloud_that_lives_in_its_driver_object_is_shared(deadline: Deadline) -> None:
    dummy = sessions(provider="dummy", key="k")

    def one() -> Any:
        with dummy.driver(deadline) as driver:
            return driver

    with ThreadPoolExecutor(2) as pool:
        assert pool.submit(one).result() is one()


def test_a_new_object_reads_the_secret_anew(tmp_path: Path, deadline: Deadline) -> None:
    file = tmp_path / "key"
    settings = {"provider": "vultr", "key": f"file:{file}"}
    keys = []
    for written in ("old", "new"):
        file.write_text(written)
        with sessions(**settings).driver(deadline) as driver:
            keys.append(driver.key)
    assert keys == ["old", "new"]


def test_arguments_that_the_constructor_does_not_know(deadline: Deadline) -> None:
    odd = sessions(provider="dummy", key="k", arguments={"colour": "red"})
    with (
        pytest.raises(PluginError, match="unexpected keyword argument 'colour'"),
        odd.driver(deadline),
    ):
        pass


def test_a_package_that_is_missing(deadline: Deadline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libcloud.compute.drivers.vsphere.pyvmomi", None)
    vsphere = sessions(provider="vsphere", key="k", host="h.invalid", arguments={"password": "p"})
    with pytest.raises(PluginError, match="pyvmomi"), vsphere.driver(deadline):
        pass


def test_a_damaged_module_of_a_provider_is_reported_and_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python would keep an empty module after its file was repaired."""
    module = "libcloud.compute.drivers.vpsnet"
    monkeypatch.setitem(sys.modules, module, ModuleType(module))
    with pytest.raises(ImportError, match=f"{module}: AttributeError"):
        providers.load("vpsnet")
    assert providers.load("vpsnet").__name__ == "VPSNetNodeDriver"
