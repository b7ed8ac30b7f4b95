"""Audit trail: which caller changed which VM, and how the change ended.

The core calls ``extension`` before and after every call. ``trail`` writes into the table of
``tables``. These two are loaded only with a database, because they need SQLAlchemy.
"""

from orchestrator_audit.extension import Audit

__all__ = ["Audit"]
