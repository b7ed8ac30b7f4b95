"""Reads a file that an OpenStack's settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from orchestrator_core import read_settings_file

_MOST_BYTES: Final = 2**20


class FileFault(ValueError):
    """A file, or an entry of it, that cannot be used.

    Attributes:
        setting: the setting that leads to it.
        why: what is wrong and what to do.
    """

    def __init__(self, setting: str, why: str) -> None:
        super().__init__(why)
        self.setting = setting
        self.why = why


def text_of(path: Path) -> str:
    """Return a file's text; a byte-order mark at its beginning does not count.

    Raises:
        FileFault: when it cannot be read, is no UTF-8 or larger than 1 MiB.
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
