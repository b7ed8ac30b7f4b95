"""The page with the fields of a start, by provider: ``docs/reference/libcloud-start-fields.md``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from orchestrator_core import StartField
from orchestrator_libcloud import providers
from orchestrator_libcloud.starts.mapping import FIELDS, StartFields, StartMapping
from orchestrator_libcloud.starts.registry import mapping_of
from orchestrator_libcloud.support import chosen, unsupported

_TITLE: Final = """# Libcloud plugin: fields of a start

<!-- make pages writes this page -->

The optional fields of a start that each provider takes, with the version of its API that the plugin
uses by default. `GET /cloud/CLOUD` shows the same for a configured cloud. A field that is not taken
is refused before anything is created.
"""

_DETAILS: Final = """
## Limits and notes

A provider without a section takes its fields as its Libcloud driver documents them.
"""


def start_fields_page() -> str:
    """Return the page."""
    shown = [name for name in providers.names() if _starts(name)]
    lines = [_TITLE, _row("provider", [f"`{field}`" for field in FIELDS])]
    lines.append("| --- |" + " --- |" * len(FIELDS))
    for names, fields in _grouped(shown, _taken):
        lines.append(_row(", ".join(names), ["yes" if f in fields else "" for f in FIELDS]))
    lines.append(_DETAILS)
    own = [name for name in shown if type(mapping_of(_class(name))) is not StartMapping]
    for names, texts in _grouped(own, _texts):
        lines += [f"### {', '.join(names)}", "", "| field | how |", "| --- | --- |"]
        lines += [f"| `{field}` | {text} |" for field, text in texts]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _row(first: str, cells: list[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"


def _class(provider: str) -> Any:
    return chosen({"provider": provider, "arguments": {}}, providers.load(provider))


def _starts(provider: str) -> bool:
    settings = {"provider": provider, "arguments": {}}
    return "start_vm" not in unsupported(settings, providers.load(provider))


def _fields(provider: str) -> StartFields:
    driver_class = _class(provider)
    return mapping_of(driver_class).fields(driver_class)


def _taken(provider: str) -> tuple[str, ...]:
    fields = _fields(provider)
    return tuple(name for name in FIELDS if isinstance(fields[name], StartField))


def _texts(provider: str) -> tuple[tuple[str, str], ...]:
    fields = _fields(provider)
    return tuple((name, _text(fields[name])) for name in FIELDS)


def _grouped(names: list[str], key: Any) -> Iterator[tuple[list[str], Any]]:
    """Group providers with the same fields, in the order of the first of each group."""
    groups: dict[Any, list[str]] = {}
    for name in names:
        groups.setdefault(key(name), []).append(name)
    for value, found in groups.items():
        yield found, value


def _text(how: StartField | str) -> str:
    if isinstance(how, str):
        return f"not taken: {how}".replace("|", r"\|")
    parts = list(_parts(how))
    return "; ".join(parts).replace("|", r"\|") or "taken"


def _parts(how: StartField) -> Iterator[str]:
    if how.required:
        yield "required"
    if how.limit is not None:
        yield f"at most {how.limit}"
    if how.max_bytes is not None:
        yield f"at most {how.max_bytes:,} bytes"
    if how.parts is not None:
        yield ", ".join(f"`{part}`" for part in how.parts) or "no parts"
    if how.excludes:
        yield "not together with " + ", ".join(f"`{field}`" for field in how.excludes)
    if how.note:
        yield how.note
