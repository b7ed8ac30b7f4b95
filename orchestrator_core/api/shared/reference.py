"""The HTTP reference of a version as Markdown, made from its OpenAPI document."""

# ruff: noqa: E501 - the rows of a Markdown table stay on one line
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

_HEAD: Final = """\
# Version 2 of the API

Paths begin after `/api/v2`. `GET /api/v2/openapi.json` has the same in OpenAPI 3.1, for tools and
for generated clients. [Version 1](api-v1.md) stays as it is documented.

## Conventions

| what | how |
| --- | --- |
| errors | [Problem details](https://www.rfc-editor.org/rfc/rfc9457): `error_code` for programs, `detail` for people, `advice` on what to do. `errors` names each wrong field by a JSON pointer, or each wrong parameter. |
| times | RFC 3339, in UTC. |
| pages | `limit`, and `cursor` with the value of `next` in the page before; the header `Link` has the address of the next page. |
| unknown parameters | Refused with 400, and unknown fields of a body with 422. |
| unchanged answers | Lists and VMs have an `ETag`; with it in `If-None-Match` the answer is 304. |
| changes | A repeat with the same `Idempotency-Key` gets the first answer again. With `Prefer: respond-async` or `Prefer: wait=30` the answer is 202 with the operation if the change is not made by then. |
| assignments | The `ETag` is the generation; with `If-Match` only that assignment is renewed or released, otherwise 412. |
| stop and destroy | The action `stop` switches a VM off. `DELETE` destroys it. |

<!-- Generated from the routes and the schemas: make pages -->
"""


def reference_page(document: Mapping[str, Any]) -> str:
    """Return the reference of all routes of a document."""
    parts = [_HEAD]
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
        name = _name_of(operation["requestBody"]["content"]["application/json"]["schema"])
        yield f"Body: {_link(name)}\n"
    yield "| status | answer |\n| --- | --- |"
    for status, answer in operation["responses"].items():
        yield f"| {status} | {_answer(answer)} |"
    yield ""
    del document


def _answer(answer: Mapping[str, Any]) -> str:
    content: Mapping[str, Any] = next(iter(answer.get("content", {}).values()), {})
    name = _name_of(content.get("schema", {}))
    if name in ("", "Problem"):
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
