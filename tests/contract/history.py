"""``v1.json``: the promises of version 1 of the contract, a line for each part.

A line says what plugins may rely on (``text``) and since which version (``since``; the kit's for a
behaviour). Lines are added and never deleted: a part is first ``deprecated`` and, a minor version
later at the earliest, ``removed``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NotRequired, TypedDict

from packaging.version import Version

from tests.contract.snapshot import Part

FILE = Path(__file__).with_name("v1.json")

FIRST = "0.1"
"""Parts of the first version need not say so."""


class Line(TypedDict):
    text: str
    since: str
    deprecated: NotRequired[str]
    removed: NotRequired[str]


Promised = dict[str, Line]


def read(file: Path = FILE) -> Promised:
    promised: Promised = json.loads(file.read_text(encoding="utf-8"))
    return promised


def write(promised: Promised, file: Path = FILE) -> None:
    lines = [f"  {json.dumps(key)}: {json.dumps(line)}" for key, line in promised.items()]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def minor(version: str) -> str:
    """Return the minor version: ``0.1`` for ``0.1.3``."""
    parsed = Version(version)
    return f"{parsed.major}.{parsed.minor}"


def broken(promised: Promised, now: Mapping[str, Part], version: str) -> Iterator[str]:
    """Return the promises that the code does not keep, and the parts that the file lacks.

    Args:
        promised: the file's lines.
        now: the parts in the code.
        version: the core's version.
    """
    for key in [*promised, *(key for key in now if key not in promised)]:
        line, part = promised.get(key), now.get(key)
        if line is None:
            yield f"added: {key}; `python -m tests.contract` writes it into the file"
        elif part is None:
            yield from _gone(key, line, promised, version)
        else:
            yield from _there(key, line, part, version)
            if _breaks_callers(key, part, promised):
                yield f"no default: {key}; who is older does not give it"


def _breaks_callers(key: str, part: Part, promised: Promised) -> bool:
    """Return whether a field or parameter was added that every caller has to give."""
    must_be_given = part.text.startswith(("field ", "parameter ", "keyword: "))
    if not must_be_given or " = " in part.text:
        return False
    *_, whole = (promised[one] for one in _wholes(key) if one in promised)
    return whole["since"] != promised[key]["since"]


def _there(key: str, line: Line, part: Part, version: str) -> Iterator[str]:
    if "removed" in line:
        yield f"there again: {key}; what was removed does not come back as something else"
    if line["text"] != part.text:
        yield f"changed: {key} was {line['text']!r} and is {part.text!r}"
    if line.get("deprecated") != part.deprecated:
        yield (
            f"deprecated: {key} since {line.get('deprecated')} says the file, "
            f"since {part.deprecated} the code"
        )
    since = line["since"]
    if part.kit is None and Version(since) > Version(minor(version)):
        yield f"since: {key} cannot be there since {since} in {version}"
    if part.kit is None and since != FIRST and not _says(part.documentation, since):
        yield f"versionadded: the documentation of {key} does not say {since}"


def _says(documentation: str, since: str) -> bool:
    return any(
        f".. {word}:: {since}" in documentation for word in ("versionadded", "versionchanged")
    )


def _gone(key: str, line: Line, promised: Promised, version: str) -> Iterator[str]:
    removed = line.get("removed")
    if any("removed" in promised[whole] for whole in _wholes(key) if whole in promised):
        return
    if key.startswith("behaviour "):
        if removed is None:
            yield f"removed: {key}; note in the file since when, so that no other gets its number"
        return
    deprecated = line.get("deprecated")
    if deprecated is None or removed is None:
        yield (
            f"removed or renamed: {key}; it must be deprecated for a minor version before it goes "
            "(docs/plugins/versioning.md)"
        )
    elif not _may_go(Version(deprecated), Version(removed)):
        yield f"removed too soon: {key} was deprecated in {deprecated}, removed in {removed}"
    elif Version(removed) > Version(minor(version)):
        yield f"removed: {key} should still be there in {version}"


def _wholes(key: str) -> Iterator[str]:
    """Return everything of which a part is a part."""
    yield from (key[:place] for place, letter in enumerate(key) if letter in ".(")


def _may_go(deprecated: Version, removed: Version) -> bool:
    """Return whether it may be removed: in a later minor version, from 1.0 on in a major one."""
    if removed.major == 0:
        return (removed.major, removed.minor) > (deprecated.major, deprecated.minor)
    return removed.major > deprecated.major


def added(promised: Promised, now: Mapping[str, Part], version: str) -> Promised:
    """Return the lines plus those that are missing and the deprecations of the code."""
    lines: Promised = {key: {**line} for key, line in promised.items()}
    for key, part in now.items():
        since = minor(version) if part.kit is None else f"kit {part.kit}"
        line = lines.setdefault(key, {"text": part.text, "since": since})
        if part.deprecated is not None:
            line.setdefault("deprecated", part.deprecated)
    order = {key: place for place, key in enumerate(now)}
    return dict(sorted(lines.items(), key=lambda item: _place(item[0], order)))


def _place(key: str, order: Mapping[str, int]) -> tuple[int, str]:
    """Return a sort key: parts in the order of the code, removed ones after their whole."""
    if key in order:
        return order[key], ""
    return max((order[one] for one in _wholes(key) if one in order), default=len(order)), key
