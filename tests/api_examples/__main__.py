"""The command ``python -m tests.api_examples``: record the examples of all descriptions."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.api_examples.versions import RECORD, file_of, text_of

for version, record in RECORD.items():
    with TemporaryDirectory() as folder:
        file_of(version).write_text(text_of(record(Path(folder))), encoding="utf-8")
