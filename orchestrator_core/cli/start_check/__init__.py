"""``orchestrator check --start``: one small VM on each cloud, started and destroyed."""
