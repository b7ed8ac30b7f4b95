"""``python -m orchestrator_core.cli``."""

from orchestrator_core.cli.main import main

main(prog_name="orchestrator")
