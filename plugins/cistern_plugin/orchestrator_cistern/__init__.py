"""Assignment of VMs through a Cistern server.

Settings::

    [assignments.brain]
    backend = "cistern"
    url = "http://127.0.0.1:5071/api/v1"
"""

from orchestrator_cistern.backend import CisternBackend

__all__ = ["CisternBackend"]
