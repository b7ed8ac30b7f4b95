"""Libcloud's own recorded answers, served to this plugin at the edge of the network.

The package ``libcloud.test`` of the installed wheel has a test class for each driver with a mock
HTTP class that answers from files. :func:`recorded` lets such a class make its driver object and
lends it to :class:`LibcloudDriver`, so that the plugin's hooks run over the recorded answers.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import pkgutil
import sys
import tempfile
import types
import unittest
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import libcloud.test
import libcloud.test.compute
from libcloud.compute.base import NodeDriver
from libcloud.compute.providers import DRIVERS

from orchestrator_core import Deadline, ImageFilter, PluginContext
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.http.call import current
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.nodes.addresses import correct_kinds
from orchestrator_libcloud.nodes.raw_items import keep_raw_items
from orchestrator_libcloud.nodes.repairs import repair
from orchestrator_libcloud.nodes.states import correct_states

LISTS: Final = ("list_nodes", "list_images", "list_sizes", "list_locations")
_NOT_A_CLOUD: Final = frozenset({"test_base", "test_deployment", "test_ssh_client", "test_types"})
_PATCHES: Final = {
    "libcloud.common.ovh.OvhConnection._timedelta": 42,
    "libcloud.common.gig_g8.is_jwt_expired": lambda _: False,
    # It reads a file of 4.5 MB for each size; no provider returned that file.
    "libcloud.compute.base.get_size_price": lambda *_, **__: None,
    "libcloud.compute.drivers.openstack.get_size_price": lambda *_, **__: None,
    "libcloud.compute.drivers.gce.get_pricing": lambda *_, **__: {},
}
"""Attributes that the test classes patch for each of their tests, and slow functions."""

_VPSNET: Final = {
    "list_nodes": "virtual_machines",
    "list_images": "templates",
    "list_sizes": "sizes",
    "list_locations": None,
}
_REGIONS: Final = {"kamatera": "EU"}
_SETTINGS: Final = {
    "openstack": {
        "key": "k",
        "secret": "s",
        "arguments": {"ex_force_auth_url": "https://keystone.invalid", "ex_tenant_name": "t"},
    }
}
"""Settings that the plugin requires for a provider; the driver is made without them."""

_AMAZON_TYPE: Final = """<item><instanceType>m9z.{}</instanceType><bareMetal>false</bareMetal>
<currentGeneration>true</currentGeneration><processorInfo><supportedArchitectures><item>arm64</item>
</supportedArchitectures></processorInfo><vCpuInfo><defaultVCpus>2</defaultVCpus></vCpuInfo>
<memoryInfo><sizeInMiB>8192</sizeInMiB></memoryInfo></item>"""
_ZONE: Final = {"zoneState": {"available": True}, "hosts": None}
_NOT_RECORDED: Final = {
    "Action=DescribeInstanceTypes": (
        '<DescribeInstanceTypesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<instanceTypeSet>{_AMAZON_TYPE.format('large')}{_AMAZON_TYPE.format('small')}"
        "</instanceTypeSet></DescribeInstanceTypesResponse>"
    ),
    "/os-availability-zone": json.dumps(
        {"availabilityZoneInfo": [{"zoneName": name, **_ZONE} for name in ("az1", "az2")]}
    ),
}
"""Answers, as the providers document them, to requests that the plugin sends and Libcloud does not.
"""

_NEEDS_LIBRARY: Final = {"test_libvirt_driver": "libvirt", "test_vsphere": "pyVmomi"}

Mutate = Callable[[int, str], str]
"""A function of an answer's index within the call and its body; it returns the body to send."""


@dataclass
class Edge:
    """The answers of the mock HTTP class within one call, and the change that is applied to them.

    Attributes:
        bodies: every body in the order of the answers, before any change.
    """

    mutate: Mutate | None = None
    bodies: list[str] = field(default_factory=list)

    def pass_on(self, body: Any) -> Any:
        if not isinstance(body, str):
            return body
        self.bodies.append(body)
        return body if self.mutate is None else self.mutate(len(self.bodies) - 1, body)


@dataclass
class Recorded:
    """One test class of Libcloud, set up.

    Attributes:
        plugin: the plugin's object, which uses the driver that the class made.
        driver: that Libcloud driver object.
    """

    plugin: LibcloudDriver
    driver: Any
    edge: Edge

    def call(self, name: str, mutate: Mutate | None = None) -> list[Any]:
        """Call one of the listing hooks, with its answers changed in transit."""
        self.edge.mutate, self.edge.bodies = mutate, []
        _set_type(self.driver, name)
        more = {"filters": ImageFilter()} if name == "list_images" else {}
        found: list[Any] = getattr(self.plugin, name)(deadline=Deadline(600), **more)
        return found


def class_names() -> list[str]:
    """Return every ``module.Class`` of ``libcloud.test.compute`` that sets up a driver."""
    names = []
    for module in pkgutil.iter_modules(libcloud.test.compute.__path__):
        if module.name in _NOT_A_CLOUD or not _is_there(_NEEDS_LIBRARY.get(module.name)):
            continue
        found = vars(_module(module.name)).items()
        names += [
            f"{module.name}.{name}"
            for name, one in sorted(found)
            if isinstance(one, type)
            and issubclass(one, unittest.TestCase)
            and one.__module__ == f"libcloud.test.compute.{module.name}"
            and not issubclass(one, libcloud.test.MockHttp)
        ]
    return [*names, f"test_nttcis.{_Nttcis.__name__}"]


def _is_there(library: str | None) -> bool:
    return library is None or importlib.util.find_spec(library) is not None


def _module(name: str) -> Any:
    _secrets()
    with suppress(ImportError):
        return importlib.import_module(f"libcloud.test.compute.{name}")
    return types.ModuleType(name)


@cache
def _secrets() -> None:
    """Give ``libcloud.test`` the credentials that its wheel has under another name."""
    path = Path(libcloud.test.__file__).with_name("secrets.py-dist")
    module: Any = types.ModuleType("libcloud.test.secrets")
    exec(compile(path.read_text(), str(path), "exec"), vars(module))  # noqa: S102 - the wheel's own
    sys.modules[module.__name__] = module
    vars(libcloud.test)["secrets"] = module


@contextmanager
def recorded(name: str) -> Iterator[Recorded | None]:
    """Set up a test class and lend its driver; yield None if it makes none."""
    module_name, class_name = name.split(".")
    module = _module(module_name)  # before the saved state of Libcloud's classes
    is_function = class_name == _Nttcis.__name__
    test_class = _Nttcis if is_function else getattr(module, class_name)
    edge = Edge()
    with warnings.catch_warnings(), _as_before(), _answers_through(edge), ExitStack() as stack:
        warnings.simplefilter("ignore")  # Libcloud's warnings about its own mocks
        for target, new in _PATCHES.items():
            stack.enter_context(patch(target, new))
        try:
            driver = _driver_of(test_class, stack)
        except unittest.SkipTest:
            driver = None
        yield None if driver is None else Recorded(_plugin(driver), driver, edge)


def _driver_of(test_class: Any, stack: ExitStack) -> Any:
    if test_class is _Nttcis:
        return _Nttcis.make()
    test = test_class()
    # Google's classes patch there, and Python 3.14 starts no patch twice.
    stack.callback(test_class.tearDownClass)
    test.setUpClass()
    test.setUp()
    driver: Any = getattr(test, "driver", None)
    if not isinstance(driver, NodeDriver):
        return None
    if type(driver).__module__.endswith("azure_arm"):
        # as the setting `region` makes it
        vars(driver)["default_location"] = driver.list_locations()[0]
    return driver


class _Nttcis(unittest.TestCase):
    """A stand-in for test functions that share a driver, which the module has for this provider."""

    def setUp(self) -> None: ...

    @staticmethod
    def make() -> Any:
        module: Any = _module("test_nttcis")
        module.NttCis.connectionCls.active_api_version = "2.7"
        module.NttCis.connectionCls.conn_class = module.NttCisMockHttp
        module.NttCisMockHttp.type = None
        return module.NttCis(*module.NTTCIS_PARAMS)


def _set_type(driver: Any, name: str) -> None:
    """Make a mock class that answers one list at a time answer this list."""
    if type(driver).__module__.endswith("vpsnet"):
        driver.connectionCls.conn_class.type = _VPSNET[name]


def provider_of(driver: Any) -> str:
    """Return the name of the provider whose driver this is, or from whose driver it is derived."""
    for cls in type(driver).__mro__:
        path = cls.__module__
        found = [str(name) for name, (module, _) in DRIVERS.items() if module == path]
        exact = [str(n) for n, (m, c) in DRIVERS.items() if (m, c) == (path, cls.__name__)]
        if found and path != "libcloud.compute.drivers.openstack":
            return (exact or found)[0]
        if found:
            return "openstack"
    raise LookupError(type(driver))


def _plugin(driver: Any) -> LibcloudDriver:
    provider = provider_of(driver)
    settings = {"provider": provider, "max_answer": 64, "region": _REGIONS.get(provider)}
    settings |= {"delete_volumes": False, **_SETTINGS.get(provider, {})}
    context = PluginContext(name="recorded", run_directory=Path(tempfile.gettempdir()))
    plugin = LibcloudDriver(context, settings)
    sessions: Any = plugin._sessions
    # The sessions do the same with every driver object that they make, and with its class.
    correct_kinds(type(driver))
    correct_states(driver)
    repair(driver)
    keep_raw_items(driver)
    sessions._make = lambda _: driver
    return plugin


@contextmanager
def _answers_through(edge: Edge) -> Iterator[None]:
    mock: Any = libcloud.test.MockHttp
    before = mock._get_request

    def get(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = Exchange() if (call := current()) is None else call.exchange
        exchange.begin_request("GET")
        exchange.sent()
        try:
            status, body, headers, reason = before(self, *args, **kwargs)
        except (AttributeError, OSError):
            own = next((body for part, body in _NOT_RECORDED.items() if part in args[1]), None)
            if own is None and edge.mutate is None:
                raise
            if own is None:  # a path made from a changed field
                exchange.answered(404, {})
                return 404, "", {}, "Not Found"
            kind = "application/json" if own.startswith("{") else "text/xml;charset=UTF-8"
            status, body, headers, reason = 200, own, {"content-type": kind}, "OK"
        exchange.answered(int(status), {})
        return status, edge.pass_on(body), headers, reason

    mock._get_request = get
    try:
        yield
    finally:
        mock._get_request = before


@contextmanager
def _as_before() -> Iterator[None]:
    """Undo a test class's changes to Libcloud's classes at the end: other tests use them too."""
    kept = [(cls, dict(vars(cls))) for cls in _libcloud_classes()]
    try:
        yield
    finally:
        for cls, attributes in kept:
            for name in [name for name in vars(cls) if name not in attributes]:
                with suppress(AttributeError, TypeError):
                    delattr(cls, name)
            for name, value in attributes.items():
                if vars(cls).get(name) is not value:
                    with suppress(AttributeError, TypeError):
                        setattr(cls, name, value)


def _libcloud_classes() -> list[type]:
    modules = [m for name, m in list(sys.modules.items()) if name.startswith("libcloud.")]
    found = {
        one
        for module in modules
        for one in list(vars(module).values())
        if isinstance(one, type) and one.__module__.startswith("libcloud.")
    }
    return list(found)
