"""Names and quotas: which VMs callers may start, and how many.

``extension`` is asked around every call, ``settings`` is what an operator can set, ``quota``
counts, over ``places`` and ``tables``. These three are loaded only where there is a quota: they
need SQLAlchemy, which a server without a database has no use for.
"""

from orchestrator_policy.extension import Policy

__all__ = ["Policy"]
