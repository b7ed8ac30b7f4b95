"""The HTTP reference of a version as Markdown, made from its OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_CODE: Final = re.compile(r"^- (`\w+`)", re.MULTILINE)
"""The error codes in the description of an answer; their meanings are on a page of their own."""

_ACCEPTED: Final = "202"
"""The status of an answer before a change is made: the same object, ``Accepted``, for each."""

_FOLD: Final = re.compile(r"\n</?details>.*\n")
"""The HTML with which the page /docs folds a part of the description."""

_COLUMNS: Final = 100
"""The length of a line of a page."""

_HEAD: Final = """\
# Version 2 of the API

Paths begin after `/api/v2`. `GET /api/v2/openapi.json` has the same in OpenAPI 3.1, for tools and
for generated clients. [Version 1](api-v1.md) stays as it is documented.

## Conventions

{description}
<!-- Generated from the routes and the schemas: make pages -->
"""


def reference_page(document: Mapping[str, Any]) -> str:
    """Return the reference of all routes of a document."""
    parts = [_HEAD.format(description=_FOLD.sub("", document["info"]["description"]))]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                parts.append("\n".join(_operation(document, path, method, operation)))
    parts.append("\n".join(_schemas(document)))
    return "\n".join(parts)


def _operation(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> Iterator[str]:
    yield f"## `{method.upper()} {path}`\n"
    yield f"{operation['summary']}\n"
    if operation["parameters"]:
        yield "| parameter | in | meaning |\n| --- | --- | --- |"
        for one in operation["parameters"]:
            yield f"| `{one['name']}` | {one['in']} | {_meaning(one)} |"
        yield ""
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]
        yield f"Body: {_link(_name_of(content['schema']))}\n"
        yield from _example(content)
    yield "| status | answer |\n| --- | --- |"
    for status, answer in operation["responses"].items():
        yield f"| {status} | {_answer(answer)} |"
    yield ""
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get("application/json", {})
        if status != _ACCEPTED and "example" in content:
            yield f"An answer with {status}:\n"
            yield from _example(content)
    del document


def _example(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the example of a body."""
    if "example" in content:
        yield f"```json\n{_folded(content['example'])}\n```\n"


def _folded(value: Any, indent: str = "", used: int = 0) -> str:
    """Return JSON in which what fits on a line of a page stands on one.

    Args:
        value: the value.
        indent: the spaces before the line on which it begins.
        used: the characters before it on that line, and after it.
    """
    whole = json.dumps(value)
    if not isinstance(value, dict | list) or len(indent) + used + len(whole) <= _COLUMNS:
        return whole
    inner = f"{indent}  "
    if isinstance(value, list):
        opening, closing = "[]"
        parts = [_folded(one, inner, 1) for one in value]
    else:
        opening, closing = "{}"
        keys = {key: f"{json.dumps(key)}: " for key in value}
        parts = [f"{keys[key]}{_folded(value[key], inner, len(keys[key]) + 1)}" for key in value]
    lines = f",\n{inner}".join(parts)
    return f"{opening}\n{inner}{lines}\n{indent}{closing}"


def _answer(answer: Mapping[str, Any]) -> str:
    content: Mapping[str, Any] = next(iter(answer.get("content", {}).values()), {})
    name = _name_of(content.get("schema", {}))
    if name == "Problem":
        return f"Error codes: {', '.join(_CODE.findall(answer['description']))}."
    if not name:
        return str(answer["description"])
    return f"{_link(name)}"


def _meaning(parameter: Mapping[str, Any]) -> str:
    words = str(parameter["description"])
    options = parameter["schema"].get("enum")
    return words if not options else f"{words} One of {', '.join(f'`{one}`' for one in options)}."


def _schemas(document: Mapping[str, Any]) -> Iterator[str]:
    yield "## Objects\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"### {name}\n"
        yield "| key | type | meaning |\n| --- | --- | --- |"
        required = schema.get("required", [])
        for key, about in schema.get("properties", {}).items():
            words = about.get("description", "")
            needed = " Required." if key in required else ""
            yield f"| `{key}` | {_type(about)} | {words}{needed} |"
        yield ""


def _type(about: Mapping[str, Any]) -> str:
    if "$ref" in about:
        return _link(_name_of(about))
    if about.get("type") == "array":
        return f"list of {_type(about['items'])}"
    if "anyOf" in about or "oneOf" in about:
        options = about.get("anyOf") or about["oneOf"]
        return " or ".join(dict.fromkeys(_type(one) for one in options))
    if "const" in about:
        return f"`{str(about['const']).lower()}`"
    kind = about.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _name_of(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"
