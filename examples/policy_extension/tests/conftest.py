"""Fixtures of the core's tests."""

from __future__ import annotations

from tests.conftest import clean_environment, serve
from tests.databases import database_url, postgres, sqlite

__all__ = ["clean_environment", "database_url", "postgres", "serve", "sqlite"]
