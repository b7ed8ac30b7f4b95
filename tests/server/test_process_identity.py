"""The detection of ended processes by others on the same machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_core import process_identity


def test_one_that_is_there_has_not_ended() -> None:
    assert not process_identity.has_ended(process_identity.read_process_identity())


def test_another_that_has_its_number_by_now_is_not_it() -> None:
    before, _, began = process_identity.read_process_identity().rpartition("/")
    assert process_identity.has_ended(f"{before}/{int(began) - 1}")


def test_one_that_was_killed_has_ended() -> None:
    module = process_identity.__name__
    told = f"from {module} import *; print(read_process_identity(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", told], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        certificate = child.stdout.readline().strip()
        assert not process_identity.has_ended(certificate)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process_identity.has_ended(certificate), "it is a zombie"
        child.wait()
        assert process_identity.has_ended(certificate), "it is gone"


def test_one_that_is_hidden_may_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as with ``hidepid``, or systemd's ``ProtectProc``."""
    certificate = process_identity.read_process_identity()
    for path in ("sys/kernel/random/boot_id", "self/ns/pid"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).symlink_to(Path("/proc") / path)
    monkeypatch.setattr(process_identity, "_PROC", tmp_path)
    assert not process_identity.has_ended(certificate)
