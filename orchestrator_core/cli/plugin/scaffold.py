"""The package of a new plugin, made from the templates in ``package-templates/``.

The files in the folder ``shared`` are part of every package; those in ``cloud``, ``assignment`` and
``extension`` only of packages of that kind. A folder ``package`` gets the name of the plugin's
package. ``dot-`` at the beginning of a file name becomes a dot. A file that ends in ``.part`` is a
value for other templates.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from string import Template
from tempfile import TemporaryDirectory
from typing import Final

from packaging.version import Version

from orchestrator_core.errors import PluginError
from orchestrator_core.plugins.discovery import CORE_DISTRIBUTION
from orchestrator_core.plugins.record import Kind
from orchestrator_core.resources import licence

_TEMPLATES: Final = Path(__file__).with_name("package-templates")
_SUFFIX: Final = ".template"
_SHARED: Final = "shared"

_CLASSES: Final = {Kind.CLOUD: "Driver", Kind.ASSIGNMENT: "Backend", Kind.EXTENSION: "Extension"}
_SENTENCES: Final = {
    Kind.CLOUD: "{title}, a cloud for Orchestrator",
    Kind.ASSIGNMENT: "{title}, an assignment backend for Orchestrator",
    Kind.EXTENSION: "{title}, an extension for Orchestrator",
}
_AUTHOR: Final = re.compile(r"(?P<name>[^<>]*[^<>\s])\s*(?:<(?P<email>[^<>\s]+@[^<>\s]+)>)?")


@dataclass(frozen=True, slots=True)
class NewPlugin:
    """The values for the templates of a new plugin.

    Attributes:
        kind: The kind of plugin.
        name: The name of its entry point.
        description: One sentence; if it is empty, one is made from the name.
        author: ``NAME`` or ``NAME <MAIL>``; if it is empty, the package names no author.
    """

    kind: Kind
    name: str
    description: str = ""
    author: str = ""

    @property
    def distribution(self) -> str:
        """The name of the distribution on the package index."""
        return f"vm-orchestrator-{self.name.replace('_', '-')}"

    def files(self) -> dict[str, str]:
        """Return the text of each file of the package, by its path in the package.

        Raises:
            PluginError: The description or the author cannot be used.
        """
        values = self._values()
        for part in sorted((_TEMPLATES / self.kind.value).glob("*.part")):
            values[part.stem] = _filled(part, values).rstrip()
        found = {"LICENSE": licence()}
        for folder in (_SHARED, self.kind.value):
            for file in sorted((_TEMPLATES / folder).rglob(f"*{_SUFFIX}")):
                place = file.relative_to(_TEMPLATES / folder).as_posix()
                found["/".join(_renamed(place, values["package"]))] = _filled(file, values)
        return found

    def _values(self) -> dict[str, str]:
        words = [word[:1].upper() + word[1:] for word in self.name.split("_")]
        title, stem = " ".join(words), "".join(words)
        description = self.description or _SENTENCES[self.kind].format(title=title)
        return {
            "kind": self.kind.value,
            "group": self.kind.group,
            "name": self.name,
            "title": title,
            "stem": stem,
            "class_name": f"{stem}{_CLASSES[self.kind]}",
            "settings_class": f"{stem}Settings",
            "package": f"orchestrator_{self.name}",
            "distribution": self.distribution,
            "description": description,
            "description_toml": _toml("description", description),
            "authors": _authors(self.author),
            "core": core_range(version(CORE_DISTRIBUTION)),
        }


def core_range(installed: str) -> str:
    """Return the range of core versions for a new plugin.

    The range ends before the next minor version, which may change the contract.
    """
    core = Version(installed)
    lowest = core.public if core.is_prerelease else f"{core.major}.{core.minor}"
    return f">={lowest},<{core.major}.{core.minor + 1}"


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Write all files into a new directory; write nothing if that fails.

    Args:
        directory: The directory to make; it must not exist.
        files: The texts of the files, by their paths in the directory.

    Raises:
        PluginError: The directory exists, or cannot be written.
    """
    if os.path.lexists(directory):
        raise PluginError(f"{directory} exists already; name a new directory")
    try:
        with TemporaryDirectory(prefix=".orchestrator-plugin-", dir=directory.parent) as beside:
            whole = Path(beside) / "package"
            for place, text in files.items():
                file = whole / place
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            whole.rename(directory)
    except OSError as error:
        raise PluginError(f"{directory} cannot be written: {error.strerror}") from None


def _filled(file: Path, values: Mapping[str, str]) -> str:
    return Template(file.read_text(encoding="utf-8")).substitute(values)


def _renamed(place: str, package: str) -> Iterator[str]:
    for part in PurePosixPath(place.removesuffix(_SUFFIX)).parts:
        yield package if part == "package" else re.sub(r"^dot-", ".", part)


def _authors(author: str) -> str:
    if not author:
        return ""
    found = _AUTHOR.fullmatch(author.strip())
    if found is None:
        raise PluginError(f'author: must be "NAME" or "NAME <MAIL>", not {author!r}')
    known = {key: value for key, value in found.groupdict().items() if value}
    pairs = ", ".join(f"{key} = {_toml('author', value)}" for key, value in known.items())
    return f"authors = [{{ {pairs} }}]\n"


def _toml(what: str, text: str) -> str:
    """Return a text as a TOML string.

    JSON writes printable characters in the same way. Other characters are refused, because the two
    formats escape them differently.
    """
    if not text.isprintable():
        raise PluginError(f"{what}: must be one line of printable characters")
    return json.dumps(text, ensure_ascii=False)
