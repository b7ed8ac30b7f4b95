"""The recording of metrics in files: counts, room, a full disk, and slots of processes."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.metrics import meter as meters
from orchestrator_core.metrics import recording, slots
from orchestrator_core.metrics.catalogue import FOLDER
from orchestrator_core.metrics.meter import EndedRequest
from orchestrator_core.metrics.scrape import scrape
from orchestrator_core.metrics.slots import Slot, files
from tests.api.conftest import Record
from tests.samples import parsed, total, value


def ended(route: str, seconds: float = 0.3) -> EndedRequest:
    return EndedRequest(route, "GET", 200, seconds, 0.0, "r", None, "a", has_clients_words=False)


def test_many_requests_at_once_count_like_each_alone(record: Record, tmp_path: Path) -> None:
    one = record(tmp_path)
    one.requests([ended("/a", seconds) for seconds in (0.004, 0.005, 0.3, 0.4, 1000.0)])
    found = parsed(scrape(tmp_path / FOLDER, {}, "")[0].decode())
    name, by = "http_request_duration_seconds", {"route": "/a", "method": "GET"}
    assert value(found, f"{name}_bucket", **by, le="0.005") == 2
    assert value(found, f"{name}_bucket", **by, le="0.25") == 2
    assert value(found, f"{name}_bucket", **by, le="0.5") == 4
    assert value(found, f"{name}_bucket", **by, le="+Inf") == 5
    assert value(found, f"{name}_count", **by) == 5
    assert value(found, f"{name}_sum", **by) == pytest.approx(1000.709)


def test_a_file_is_enlarged_before_it_is_full(record: Record, tmp_path: Path) -> None:
    """A page that a full disk could not give would end the process."""
    one = record(tmp_path)
    file = tmp_path / FOLDER / "histogram_1.db"
    for number in range(800):
        one.requests([ended(f"/{number}")])
        one.keep_room()
        with file.open("rb") as stream:
            used = int.from_bytes(stream.read(4), "little")
        size = file.stat()
        assert used < size.st_size
        assert size.st_blocks * 512 >= used + (1 << 18)
    assert file.stat().st_size > 1 << 20
    found = parsed(scrape(tmp_path / FOLDER, {}, "")[0].decode())
    assert total(found, "http_requests_total") == 800


def test_a_full_disk_pauses_the_recording_and_nothing_else(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measurements of other processes are shown meanwhile, and the recording continues later."""

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        assert isinstance(record(tmp_path), recording.Paused)
        meters.meter().keep_room()
        assert isinstance(meters.meter(), recording.Paused)
        assert scrape(tmp_path / FOLDER, {}, "")[0] == b""
    meters.meter().keep_room()
    meters.meter().requests([ended("/a")])
    found = parsed(scrape(tmp_path / FOLDER, {}, "")[0].decode())
    assert total(found, "http_requests_total") == 1
    assert Slot(tmp_path / FOLDER).number == 2, "a failed attempt has kept its number"


def test_a_measurement_that_fails_pauses_the_recording_and_nothing_else(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prometheus-client reads the variable again when it opens a file."""
    one = record(tmp_path)
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")
    one.transaction("read", "ok", 0.1)
    assert isinstance(meters.meter(), recording.Paused)
    meters.meter().keep_room()
    meters.meter().transaction("read", "ok", 0.1)
    found = parsed(scrape(tmp_path / FOLDER, {}, "")[0].decode())
    assert total(found, "database_duration_seconds_count") == 1


def test_a_slot_belongs_to_one_process_until_it_ends(tmp_path: Path) -> None:
    first, second = Slot(tmp_path), Slot(tmp_path)
    assert (first.number, second.number) == (1, 2)
    (tmp_path / "gauge_livesum_1.db").write_bytes(bytes(8))
    assert len([one for one in files(tmp_path) if "gauge" in one]) == 2
    first.close()
    assert len([one for one in files(tmp_path) if "gauge" in one]) == 1
    assert Slot(tmp_path).number == 1


def test_a_process_with_several_applications_has_one_slot(record: Record, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one = record(tmp_path / "a")
    assert record(tmp_path / "a") is one
    one.requests([ended("/a")])
    other = record(tmp_path / "b")
    assert other is not one
    assert Slot(tmp_path / "a" / FOLDER).number == 1
    other.requests([ended("/b")])
    for name in ("a", "b"):
        found = parsed(scrape(tmp_path / name / FOLDER, {}, "")[0].decode())
        assert total(found, "http_requests_total") == 1


def test_files_of_an_earlier_server_are_wiped(tmp_path: Path) -> None:
    (tmp_path / "counter_1.db").write_bytes(b"old")
    slots.wipe(tmp_path)
    slots.wipe(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []
