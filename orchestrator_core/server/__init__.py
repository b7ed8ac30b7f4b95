"""Gunicorn as Orchestrator runs it: its worker, its configuration, its reload."""
