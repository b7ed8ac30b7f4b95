"""The OpenAPI document of a version, made from its table of routes and its schemas."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from orchestrator_core import errors, refusals
from orchestrator_core.api import errors as edge
from orchestrator_core.api.error_codes import OF_UNREADABLE_HEADS, codes_of_http
from orchestrator_core.api.errors import TooManyRequests, Unauthenticated
from orchestrator_core.api.shared.answer_headers import COMPONENTS, headers_of
from orchestrator_core.api.shared.description import Description
from orchestrator_core.api.shared.examples import Examples, component_of
from orchestrator_core.api.shared.field_types import describe_our_fields

_SEGMENT_SCHEMA: Final = {"type": "string", "minLength": 1}
_SEGMENT: Final = re.compile(r"\{(\w+)(?::\w+)?\}")

_TOKENS: Final = (
    "The token that the operator gave you, without the word `Bearer`. A server without accounts "
    "needs none."
)

_ACCEPTED: Final = 202

_BAD_REQUEST: Final = 400
"""The status whose form is only that of its many other codes: pages show one form a status."""

_UNREADABLE: Final = "application/json"
"""The media type of the refusal of a request whose head is unreadable."""

_STALE: Final = 412
"""The status of a condition that is not met; a request without a condition does not get it."""

_ALWAYS: Final = (Unauthenticated, errors.Forbidden, TooManyRequests, errors.OrchestratorError)
"""The errors of every request."""


_OURS: Final = frozenset({errors.__name__, refusals.__name__, edge.__name__})
"""The modules of the core's errors; those of plugins are not described."""


_OF_FEW_ROUTES: Final = frozenset(
    {
        *(errors.StartFailed, errors.ReleasedNotDestroyed, errors.NoAssignmentBackend),
        *(edge.NoCloudAnswered, edge.MethodNotImplemented),
        *(kind for kind in errors.Refused.__subclasses__() if kind.__module__ == refusals.__name__),
    }
)
"""Errors that are described only where a route names them itself, not with their base class."""


class Described(Protocol):
    """A route with the descriptions of its methods."""

    @property
    def path(self) -> str:
        """Return the path, with Falcon's segments."""

    @property
    def methods(self) -> Mapping[str, Description]:
        """Return the descriptions by method, in lower case."""


class Document:
    """The maker of one version's document.

    Args:
        version: the name of the version, such as ``v2``.
        core: the version of the core.
        problem: the schema of an error.
        accepted: the schema of the answer to an asynchronous change.
        unreadable: the schema of the refusal of a request whose head is unreadable.
        media_type: the media type of errors.
        headers: the fields of the headers of requests, by name.
        status_of: the function that returns the status of a class of errors.
        query_error: the error of a wrong parameter of the query or header.
        refuses_queries: whether every route refuses a parameter of the query that it does not have.
        query: the fields of the parameters of queries, by name.
        name_of: the function that returns the name of a parameter in the query.
        code_of: the function that returns how answers of the version show a class of errors.
        meanings: the meanings of error codes; without them the document has the codes alone.
        parts: the schemas to which plain fields of other schemas refer.
        about: the description of the whole version, in Markdown.
        segments: the descriptions of the parameters in paths, by name.
        tags: the descriptions of the kinds of things that routes are about, by name.
        examples: the recorded answers.
    """

    def __init__(  # noqa: PLR0913 - one for each thing that differs between versions
        self,
        version: str,
        core: str,
        *,
        problem: type[Schema],
        accepted: type[Schema],
        unreadable: type[Schema],
        media_type: str,
        headers: Mapping[str, fields.Field[Any]],
        status_of: Any,
        query_error: type[errors.OrchestratorError],
        refuses_queries: bool = False,
        query: Mapping[str, fields.Field[Any]] = MappingProxyType({}),
        name_of: Callable[[str], str] = str,
        code_of: Callable[[type[errors.OrchestratorError]], str] = lambda kind: f"`{kind.code}`",
        meanings: Mapping[str, str] = MappingProxyType({}),
        parts: Iterable[type[Schema]] = (),
        about: str = "One HTTP API in front of every cloud.",
        segments: Mapping[str, str] = MappingProxyType({}),
        tags: Mapping[str, str] = MappingProxyType({}),
        examples: Examples,
    ) -> None:
        self._plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
        self._spec = APISpec(
            title="Orchestrator",
            version=core,
            openapi_version="3.1.0",
            plugins=[self._plugin],
            info={"description": about},
            servers=[{"url": f"/api/{version}"}],
            security=[{"token": []}],
        )
        for name, words in tags.items():
            self._spec.tag({"name": name, "description": words})
        token = {"type": "http", "scheme": "bearer", "description": _TOKENS}
        self._spec.components.security_scheme("token", token)
        self._examples = examples
        self._add_shared_parts()
        describe_our_fields(self._plugin.converter)
        for part in parts:
            self._spec.components.schema(_schema_name(part), schema=part)
        self._problem, self._accepted, self._unreadable = problem, accepted, unreadable
        self._media_type = media_type
        self._query, self._headers = query, headers
        self._name_of, self._status_of = name_of, status_of
        self._query_error, self._code_of = query_error, code_of
        self._refuses_queries, self._meanings = refuses_queries, meanings
        self._segments = segments

    def _add_shared_parts(self) -> None:
        """Add the headers of answers, and the examples of errors."""
        for name, words in COMPONENTS.items():
            header: dict[str, Any] = {"description": words, "schema": {"type": "string"}}
            if name in self._examples.headers:
                header["example"] = self._examples.headers[name]
            self._spec.components.header(name, header)
        for status, problems in self._examples.problems.items():
            for code, problem in problems.items():
                example = {"summary": code, "value": problem}
                self._spec.components.example(component_of(status, code), example, lazy=True)

    def add(self, routes: Iterable[Described]) -> dict[str, Any]:
        """Add routes; return the document."""
        for route in routes:
            path = _SEGMENT.sub(lambda found: f"{{{found[1]}}}", route.path) or "/"
            operations: dict[str, Any] = {
                method: self._operation(path, method, about)
                for method, about in route.methods.items()
            }
            parameters: list[Any] = [
                {
                    "in": "path",
                    "name": name,
                    "description": self._segments.get(name, ""),
                    "required": True,
                    "schema": dict(_SEGMENT_SCHEMA),
                }
                for name in _SEGMENT.findall(route.path)
            ]
            self._spec.path(path, operations=operations, parameters=parameters)
        document: dict[str, Any] = self._spec.to_dict()
        return document

    def _operation(self, path: str, method: str, about: Description) -> dict[str, Any]:
        words = [word for word in re.split(r"[/{}]+", path) if word]
        operation_id = about.name or "_".join([method, *words])
        operation: dict[str, Any] = {
            "operationId": operation_id,
            "summary": about.summary,
            "tags": [_tag(path)],
            "parameters": [
                *(
                    self._parameter("query", self._name_of(one), self._query[one])
                    for one in about.query
                ),
                *(self._parameter("header", one, self._headers[one]) for one in about.headers),
            ],
            "responses": self._responses(about, operation_id, has_segments="{" in path),
        }
        if about.is_public:
            operation["security"] = []
        if about.successor:
            operation["deprecated"] = True
            operation["description"] = f"Use `{about.successor}` of version 2 instead."
        if about.body is not None:
            content: dict[str, Any] = {"schema": about.body}
            if about.example:
                content["example"] = dict(about.example)
            operation["requestBody"] = {
                "required": True,
                "content": {"application/json": content},
            }
        return operation

    def _of_requests(self, about: Description) -> Iterator[type[errors.OrchestratorError]]:
        """Yield the errors of what a request contains."""
        if about.body is not None:
            yield errors.InvalidParameter
        if self._refuses_queries or about.query or about.headers:
            yield self._query_error

    def _parameter(self, place: str, name: str, field: fields.Field[Any]) -> dict[str, Any]:
        schema = self._plugin.converter.field2property(field)  # type: ignore[union-attr]
        description = schema.pop("description", "")
        if "example" in schema:
            # The page /docs would send an `example`, which OpenAPI 3.1 deprecates in a schema, as
            # the value of a parameter that its reader left alone.
            schema["examples"] = [schema.pop("example")]
        found = {"in": place, "name": name, "description": description, "schema": schema}
        if schema.pop("deprecated", False):
            found["deprecated"] = True
        return found

    def _responses(
        self, about: Description, operation_id: str, *, has_segments: bool
    ) -> dict[str, Any]:
        shown = dict(about.shown) or self._examples.answer(operation_id, about.status)
        found = {str(about.status): _answer(about.summary, about.answer, shown)}
        if "If-None-Match" in about.headers:
            found["304"] = {"description": "Nothing has changed."}
        if about.is_async:
            words = "The change is recorded and in progress."
            accepted = self._examples.answer(operation_id, _ACCEPTED)
            found["202"] = _answer(words, self._accepted, accepted)
        codes = {
            status: [f"`{code}`" for code in listed]
            for status, listed in codes_of_http(with_body=_reads_body(about)).items()
        }
        if has_segments:
            codes[404] = ["`not_found`"]  # a segment that is empty, or that has an encoded slash
        kinds: Iterable[type[errors.OrchestratorError]]
        kinds = (*_ALWAYS, *self._of_requests(about), *about.raises)
        for kind in kinds:
            for one in [kind, *_below(kind)]:
                if self._status_of(one) == _STALE and "If-Match" not in about.headers:
                    continue
                codes.setdefault(self._status_of(one), []).append(self._code_of(one))
        for status in sorted(codes):
            found[str(status)] = self._refusal(status, set(codes[status]))
        for name, answer in found.items():
            headers = headers_of(about, name)
            if headers:
                answer["headers"] = headers
        return found

    def _refusal(self, status: int, codes: set[str]) -> dict[str, Any]:
        """Return the description of a status with these error codes."""
        words = {code.strip("`") for code in codes}
        content: dict[str, Any] = {}
        if words - OF_UNREADABLE_HEADS:
            content[self._media_type] = {"schema": self._problem}
            examples = self._examples.names(status, words)
            if examples:
                shown = {code: component_of(status, code) for code in examples}
                content[self._media_type]["examples"] = shown
        if words & OF_UNREADABLE_HEADS and status != _BAD_REQUEST:
            content.setdefault(_UNREADABLE, {"schema": self._unreadable})
        return {"description": self._explain(sorted(codes)), "content": content}

    def _explain(self, codes: Iterable[str]) -> str:
        """Return the error codes of a status in Markdown, with the known meanings."""
        if not self._meanings:
            return f"Error codes: {', '.join(codes)}."
        lines = (f"- {code}: {self._meanings[code.strip('`')]}" for code in codes)
        return "\n".join(["Error codes:\n", *lines])


def _reads_body(about: Description) -> bool:
    """Return whether a body is read; a change reads it although it may need none."""
    return about.body is not None or "Idempotency-Key" in about.headers


def _answer(description: str, schema: type[Schema] | None, example: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": description}
    if schema is not None:
        content: dict[str, Any] = {"schema": schema}
        if example:
            content["example"] = example
        answer["content"] = {"application/json": content}
    return answer


def _tag(path: str) -> str:
    """Return the kind of thing to which a path leads, without the cloud that has it."""
    words = [word for word in path.split("/") if word and "{" not in word]
    if not words:
        return "server"
    return words[1] if words[0] == "clouds" and len(words) > 1 else words[0]


def _below(kind: type[errors.OrchestratorError]) -> Iterable[type[errors.OrchestratorError]]:
    if kind is errors.OrchestratorError:
        return
    for one in kind.__subclasses__():
        if one.__module__ in _OURS and one not in _OF_FEW_ROUTES:
            yield one
            yield from _below(one)


def _schema_name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Schema")
