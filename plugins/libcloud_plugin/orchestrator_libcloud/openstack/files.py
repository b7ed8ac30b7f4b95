"""Reader of a file that an OpenStack's settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from orchestrator_core import read_settings_file

_MOST_BYTES: Final = 2**20


class FileFault(ValueError):
    """Error: a file, or an entry of it, cannot be used.

    Attributes:
        setting: the setting that names the file.
        why: the reason, and what to do.
    """

    def __init__(self, setting: str, why: str) -> None:
        super().__init__(why)
        self.setting = setting
        self.why = why


def text_of(path: Path) -> str:
    """Return a file's text without a byte-order mark at its start.

    Raises:
        FileFault: the file cannot be read, is not UTF-8 or is larger than 1 MiB.
    """
    try:
        if path.is_file() and path.stat().st_size > _MOST_BYTES:
            raise FileFault("clouds_file", f"{path} is larger than 1 MiB")
        content = read_settings_file(path)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileFault("clouds_file", f"{path} is not UTF-8") from None
    except OSError as error:
        raise FileFault("clouds_file", f"{path} cannot be read: {error.strerror}") from None
