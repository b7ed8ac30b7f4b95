"""A cloud without a cloud: what authors of plugins read first.

Settings::

    [clouds.fake_driver]
    driver = "dummy"
    store = "memory"        # or "file:PATH", which survives a restart

``DummyDriver`` is the plugin to copy. ``FaultInjectionDriver``, which the entry point names, is the
same cloud and can misbehave on purpose.
"""

from orchestrator_dummy.driver import DummyDriver
from orchestrator_dummy.injection import FaultInjectionDriver

__all__ = ["DummyDriver", "FaultInjectionDriver"]
