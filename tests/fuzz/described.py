"""Routes of version 2, whose answers are compared with the description of that version."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import jsonschema
from marshmallow import Schema

from orchestrator_core.api.router import API
from orchestrator_core.api.shared.description import Description
from orchestrator_core.api.v2.openapi import document
from orchestrator_core.api.v2.parameters import name_of
from orchestrator_core.api.v2.routes import TABLE
from tests.described import described_pairs
from tests.fuzz.answers import Answer, BadAnswer
from tests.fuzz.routes import EVERYWHERE, Pair, Route, provoked

_NOT_SERVED: Final = (405, "not_implemented")
_UNPROVOKED: Final = frozenset(
    {
        *("internal_error", "state_unavailable", "request_timeout", "body_timeout"),
        *("incomplete_body", "too_many_requests", "destroy_held", "assign_held", "destroy_limit"),
    }
)
"""Documented codes for which the requests and settings of the fuzz are no reason."""

_INJECTED: Final[frozenset[Pair]] = frozenset({(409, "conflict"), (409, "quota_exceeded")})
"""Errors that the dummy cloud raises on request, even for a read."""

_MOST_ITEMS: Final = 20
"""The items of a list that are compared with the description."""


@dataclass(frozen=True, slots=True)
class DescribedRoute(Route):
    """One route of version 2.

    Attributes:
        described: the descriptions of its methods, in lower case.
    """

    described: Mapping[str, Description]

    @property
    def methods(self) -> list[str]:
        """Return the methods that are served."""
        return sorted({"OPTIONS", *(method.upper() for method in self.described)})

    @property
    def schema(self) -> Schema | None:
        """Return the schema of the body; None if no body is read."""
        body = next((about.body for about in self.described.values() if about.body), None)
        return None if body is None else body()

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the parameters of the query."""
        return tuple(name_of(one) for about in self.described.values() for one in about.query)

    def pairs(self, method: str, *, fails: bool) -> frozenset[Pair]:
        """Return the pairs of status and error code that the description has for a method.

        Args:
            method: the method of the request.
            fails: whether the request is for a failing cloud, or asks the cloud to fail.
        """
        if method.lower() not in self.described:
            return EVERYWHERE | {_NOT_SERVED}
        failures = {code for status, code in provoked() if status >= 429}
        injected = _INJECTED if fails else frozenset()
        may_fail = fails or "cloud" not in self.names  # a record may be one of a failing cloud
        return injected | {
            (status, code)
            for status, code in described_pairs(self.template, method.lower())
            if code not in _UNPROVOKED and (may_fail or code not in failures)
        }

    @property
    def template(self) -> str:
        """Return the path as the description has it."""
        return re.sub(r":\w+}", "}", self.path.removeprefix(f"{API}v2"))

    def check(self, method: str, answer: Answer) -> None:
        """Compare a successful answer with its schema.

        Raises:
            BadAnswer: The description does not have the status, or the answer does not fit.
        """
        operation = document()["paths"][self.template][method.lower()]
        described = operation["responses"].get(str(answer.status))
        if described is None:
            raise BadAnswer(f"{answer.status} is not documented for {self.path}")
        if answer.status == 304:
            return
        content = described["content"]["application/json"]["schema"]["$ref"]
        for fault in _validator(content).iter_errors(_shortened(json.loads(answer.body))):
            raise BadAnswer(f"{self.path}: {fault.message} at {fault.json_path}")


@cache
def _validator(reference: str) -> jsonschema.Draft202012Validator:
    schema = {"$ref": reference, "components": document()["components"]}
    return jsonschema.Draft202012Validator(schema)


def _shortened(body: dict[str, Any]) -> dict[str, Any]:
    """Return an answer whose lists are short: that of the VMs has thousands."""
    return {
        key: value[:_MOST_ITEMS] if isinstance(value, list) else value
        for key, value in body.items()
    }


def described_routes() -> Iterator[DescribedRoute]:
    """Yield every route of version 2."""
    nothing: Any = None  # Resources keep the services, and use them only when they serve.
    for route in TABLE:
        yield DescribedRoute(f"{API}v2{route.path}", route.make(nothing), route.methods)
