"""Audit trail: who did what to which VM, and how it ended.

The core calls ``extension`` before and after every call. ``trail`` writes into the table of
``tables``. These two are loaded only with a database, because they need SQLAlchemy.
"""

from orchestrator_audit.extension import Audit

__all__ = ["Audit"]
