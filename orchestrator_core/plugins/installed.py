"""The right metadata of a package when several folders on ``sys.path`` have some.

An upgrade by hand or an interrupted one leaves the old version's ``dist-info`` folder beside the
new one's. The order of the folder's entries would then decide which version a plugin seems to have.
"""

from __future__ import annotations

import base64
import email
import hashlib
import importlib.util
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import Distribution, PackageMetadata, PackagePath, distributions
from os import PathLike
from pathlib import Path
from typing import Final, cast
from urllib.parse import unquote, urlsplit

from packaging.version import InvalidVersion, Version

_MOST_FILES: Final = 500
"""The most files of a package whose digests are compared; a plugin has fewer."""


class ParsedOnce(Distribution):
    """A distribution whose metadata is parsed once, and without its description.

    ``importlib.metadata`` parses it at each access, even for a name or a version, which took half
    of the time of a discovery. The description is the package's README, hundreds of lines that
    discovery does not need.

    Args:
        source: the distribution as ``importlib.metadata`` found it.
    """

    def __init__(self, source: Distribution) -> None:
        self._source = source

    @cached_property
    def metadata(self) -> PackageMetadata:
        """Return the parsed fields of the metadata."""
        text = self.read_text("METADATA")
        if not text:  # an old or a damaged installation
            return self._source.metadata
        fields, _, _description = text.partition("\n\n")
        return _parsed(fields)

    def read_text(self, filename: str) -> str | None:
        """Return a file of the metadata; None if there is none."""
        return self._source.read_text(filename)

    def locate_file(self, path: str | PathLike[str]) -> Path:
        """Return the path of a file of the distribution."""
        return Path(str(self._source.locate_file(path)))


# A discovery reads the package of each plugin twice: among all packages, and by its name.
@lru_cache(maxsize=64)
def _parsed(fields: str) -> PackageMetadata:
    return cast("PackageMetadata", email.message_from_string(fields))


@dataclass(frozen=True, slots=True)
class Installed:
    """The metadata of one package that is in use.

    Attributes:
        distribution: the distribution whose files Python imports.
        others: the other versions with metadata on ``sys.path``, each with its folder.
    """

    distribution: Distribution
    others: tuple[tuple[str, Path], ...] = ()

    @property
    def warning(self) -> str:
        """Return a warning for the operator; empty if there is only one version."""
        if not self.others:
            return ""
        version, name = self.distribution.version, self.distribution.metadata["Name"]
        others = ", ".join(f"{other} in {folder}" for other, folder in self.others)
        return (
            f"{name} is installed more than once: {version} in {_folder(self.distribution)} is "
            f"used, and there is also metadata of {others}; uninstall {name} until no version is "
            "left, then install the wanted version"
        )


def installed(name: str, modules: Iterable[str]) -> Installed | None:
    """Return the metadata of a package that is in use; None if there is none under that name.

    Args:
        name: the name of the package.
        modules: the imported modules of the package; they are only located, not imported.
    """
    found = _different(distributions(name=name))
    if not found:
        return None
    if len(set(map(_contract, found))) == 1:
        return Installed(found[0])  # before their files are listed, which takes longest
    origins = [origin for module in sorted(set(modules)) if (origin := _origin(module))]
    # max() returns the first of equal values, which is the first on sys.path.
    best = max(found, key=lambda one: (_claim(one, origins), _rank(one, found), _version(one)))
    others = [(one.version, _folder(one)) for one in found if one is not best]
    # One version in several places is fine, for example in nested environments.
    same = all(version == best.version and place != _folder(best) for version, place in others)
    return Installed(best, () if same else tuple(others))


def _different(found: Iterable[Distribution]) -> list[Distribution]:
    """Return each distribution once: a folder may be on ``sys.path`` twice."""
    known: dict[tuple[Path, str], Distribution] = {}
    for one in map(ParsedOnce, found):
        if one.metadata["Name"] and one.version:
            known.setdefault((_folder(one).resolve(), one.version), one)
    return list(known.values())


def _contract(one: Distribution) -> tuple[str, tuple[str, ...], str | None]:
    """Return what a discovery reads of a distribution: version, requirements and entry points."""
    return (one.version, tuple(one.requires or ()), one.read_text("entry_points.txt"))


def _folder(one: Distribution) -> Path:
    return Path(str(one.locate_file("")))


def _rank(one: Distribution, found: list[Distribution]) -> int:
    """Return a smaller number for a folder that is later on ``sys.path``."""
    folders = list(dict.fromkeys(_folder(other) for other in found))
    return -folders.index(_folder(one))


def _version(one: Distribution) -> Version:
    try:
        return Version(one.version)
    except InvalidVersion:
        return Version("0")


def _origin(module: str) -> Path | None:
    """Return the file that an import of a module's top package would run, without importing it."""
    try:
        spec = importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.origin is not None:
        return Path(spec.origin).resolve()
    places = list(spec.submodule_search_locations or ())
    return Path(places[0]).resolve() if places else None


def _claim(one: Distribution, origins: list[Path]) -> tuple[int, int]:
    """Return how surely the imported files belong to this distribution, and how many differ.

    The first number is 2 if the distribution lists the files, or is an editable installation of
    them. It is 1 if it lists no files and is located beside them. It is 0 if it lists other files
    or is located elsewhere. The second number is the count of differing files, negated.
    """
    source = _editable_source(one)
    if source is not None:
        return (2 if any(origin.is_relative_to(source) for origin in origins) else 0, 0)
    files = one.files
    if not files:
        beside = _folder(one).resolve()
        return (1 if any(origin.is_relative_to(beside) for origin in origins) else 0, 0)
    code = [file for file in files if file.suffix == ".py"][:_MOST_FILES]
    return (2, -sum(map(_differs, code))) if _lists(one, code, origins) else (0, 0)


def _lists(one: Distribution, code: list[PackagePath], origins: list[Path]) -> bool:
    """Return whether the files of a distribution are those that are imported."""
    # Resolving hundreds of files would take most of the time of a discovery. The folder is
    # enough, unless links stand in it.
    folder = _folder(one).resolve()
    inside = [origin for origin in origins if origin.is_relative_to(folder)]
    names = [file.as_posix() for file in code]
    for place in (origin.relative_to(folder).as_posix() for origin in inside):
        if any(name == place or name.startswith(f"{place}/") for name in names):
            return True
    places = {Path(str(file.locate())).resolve() for file in code}
    return any(origin in places or _has_below(places, origin) for origin in origins)


def _has_below(places: set[Path], folder: Path) -> bool:
    """Return whether one of the files is below the folder of a package without its own file."""
    return folder.is_dir() and any(place.is_relative_to(folder) for place in places)


def _differs(file: PackagePath) -> bool:
    """Return whether a file differs from the installed one; PEP 376 defines the digest."""
    if file.hash is None or file.hash.mode != "sha256":
        return False
    try:
        content = Path(str(file.locate())).read_bytes()
    except OSError:
        return True
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return digest.decode() != file.hash.value


def _editable_source(one: Distribution) -> Path | None:
    """Return the folder of an editable installation's sources (PEP 610); None for any other."""
    try:
        said = json.loads(one.read_text("direct_url.json") or "{}")
        if not said.get("dir_info", {}).get("editable"):
            return None
        return Path(unquote(urlsplit(said["url"]).path)).resolve()
    except (ValueError, KeyError, AttributeError):
        return None
