"""The log's stream: it neither fails nor blocks."""

from __future__ import annotations

import os
import time
from contextlib import suppress

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
