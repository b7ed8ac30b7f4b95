"""Dummy cloud, the plugin that plugin authors read first.

Settings::

    [clouds.fake_driver]
    driver = "dummy"
    store = "memory"        # or "file:PATH", which survives a restart

``DummyDriver`` is the plugin to copy. The entry point names ``FaultInjectionDriver``, which is the
same cloud with faults that can be injected.
"""

from orchestrator_dummy.driver import DummyDriver
from orchestrator_dummy.injection import FaultInjectionDriver

__all__ = ["DummyDriver", "FaultInjectionDriver"]
