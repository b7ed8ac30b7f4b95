"""A cloud without a cloud: what authors of plugins read first.

Settings::

    [clouds.fake_driver]
    driver = "dummy"
    store = "memory"        # or "file:PATH", which survives a restart
"""

from orchestrator_dummy.driver import DummyDriver

__all__ = ["DummyDriver"]
