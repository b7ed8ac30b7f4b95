"""The log's stream: it neither fails nor blocks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator_core.log_stream import LogStream


def test_lines_that_cannot_be_written_are_counted_and_told_later() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        log, line = LogStream(stream), "x" * 1023 + "\n"
        began = time.monotonic()
        for _ in range(1000):
            log.write(line)
        assert time.monotonic() - began < 5, "a reader that stands still is waited for once"
        read = os.read(reading, 2**20)
        written = read.count(b"\n")
        assert 0 < written < 1000
        log.write("again\n")
        said = os.read(reading, 2**20).decode()
    os.close(reading)
    assert said.endswith("again\n")
    assert f"{1000 - written} log lines lost" in said


def test_a_pipe_without_a_reader_raises_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    log = LogStream(stream)
    for _ in range(3):
        assert log.write("a line\n") == len("a line\n")
    with suppress(BrokenPipeError):
        stream.close()


WRITER = """
import json, sys
from orchestrator_core.log_stream import LogStream
log = LogStream(sys.stderr)
for number in range(200):
    log.write(json.dumps({"number": number, "text": "x" * int(sys.argv[1])}) + "\\n")
"""


def written_by_several(stream: int) -> None:
    """Let processes write long and short lines to one stream at the same time."""
    sizes = (10, 5000, 10, 20_000)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(size)], stderr=stream) for size in sizes
    ]
    assert [writer.wait(60) for writer in writers] == [0] * len(sizes)


def test_lines_of_several_processes_do_not_tear_each_other_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("ab") as stream:
        written_by_several(stream.fileno())
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(found) == 800


def test_lines_of_several_processes_do_not_tear_each_other_in_a_pipe() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stream:
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(stream), daemon=True)
        reader.start()
        written_by_several(writing)
        os.close(writing)
        reader.join(60)
    assert len([json.loads(line) for line in lines]) == 800


@pytest.mark.parametrize("size", [2100, 5000, 30_000, 100_000])
def test_long_lines_do_not_wait_for_a_reader_that_stands_still(size: int) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        log = LogStream(stream)
        for _ in range(40):
            log.write("x" * size + "\n")
        assert os.read(reading, 2**20)
        os.close(reading)
        with suppress(BrokenPipeError):
            stream.close()
