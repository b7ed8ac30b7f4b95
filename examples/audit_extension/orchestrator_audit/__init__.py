"""An audit trail: who did what to which VM, and how it ended.

``extension`` is asked around every call; ``trail`` writes, into the table of ``tables``. Those two
are loaded only with a database: they need SQLAlchemy.
"""

from orchestrator_audit.extension import Audit

__all__ = ["Audit"]
