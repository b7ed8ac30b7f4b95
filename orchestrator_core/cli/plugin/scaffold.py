"""The package of a new plugin: the files of ``package-templates/``, filled in.

What is in the folder ``shared`` is in every package, what is in ``cloud`` say in those of clouds. A
folder ``package`` becomes the plugin's own, ``dot-`` at the beginning of a name a dot; what ends in
``.part`` is put into other files.
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
    """What is known of a plugin that is not there yet.

    Attributes:
        kind: what it is for.
        name: of its entry point.
        description: one sentence; without it, one that is made of the name.
        author: ``NAME`` or ``NAME <MAIL>``; without it, the package names nobody.
    """

    kind: Kind
    name: str
    description: str = ""
    author: str = ""

    @property
    def distribution(self) -> str:
        """What pip calls it."""
        return f"vm-orchestrator-{self.name.replace('_', '-')}"

    def files(self) -> dict[str, str]:
        """Return the text of each file of its package, by its path there.

        Raises:
            PluginError: when description or author cannot be used.
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
    """Return which versions of the core a plugin is for that is begun with this one.

    A minor version may bring what a plugin has to follow, so the range ends before the next one.
    """
    core = Version(installed)
    lowest = core.public if core.is_prerelease else f"{core.major}.{core.minor}"
    return f">={lowest},<{core.major}.{core.minor + 1}"


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Write files into a new directory: all of them, or nothing at all.

    Args:
        directory: must not be there yet.
        files: texts by their paths in it.

    Raises:
        PluginError: when it is there, or cannot be written.
    """
    if os.path.lexists(directory):
        raise PluginError(f"{directory} is there already; name a directory that is not")
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
    """Return a text as TOML writes it: as JSON does, but for characters that nobody sees."""
    if not text.isprintable():
        raise PluginError(f"{what}: must be one line of printable characters")
    return json.dumps(text, ensure_ascii=False)
