"""Paths in the settings, which are relative to the folder of the settings file."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields

from orchestrator_core.settings import kept_files

BASE_DIRECTORY: ContextVar[Path] = ContextVar("BASE_DIRECTORY", default=Path())
"""The folder of the settings file that is being loaded."""


def base_directory(file: Path | None) -> Path:
    """Return the folder to which the paths in a settings file are relative."""
    return file.resolve().parent if file is not None else Path.cwd()


class PathField(fields.Field[Path]):
    """A marshmallow field that loads an absolute path; the path need not exist."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Path:
        if not isinstance(value, str) or not value or "\0" in value:
            raise ValidationError("must be a path")
        return (BASE_DIRECTORY.get() / value).absolute()


class FileField(fields.Field[Path]):
    """A marshmallow field that loads the absolute path of an existing file."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Path:
        if not isinstance(value, str) or not value or "\0" in value:
            raise ValidationError("must be the path of a file")
        path = (BASE_DIRECTORY.get() / value).absolute()
        if not path.is_file() and not kept_files.has(path):
            raise ValidationError(f"there is no file {path}")
        return path
