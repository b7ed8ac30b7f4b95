"""Names and quotas: which VM names callers may use, and how many VMs they may start.

The core calls ``extension`` before and after every call. ``settings`` defines the operator's
settings. ``quota`` counts VMs, over ``places`` and ``tables``. These three are loaded only if there
is a quota: they need SQLAlchemy, which a server without a database does not need.
"""

from orchestrator_policy.extension import Policy

__all__ = ["Policy"]
