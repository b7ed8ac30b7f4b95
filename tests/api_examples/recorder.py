"""A client that sends the operations of a description by name, and records the answers."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

import httpx2
from openapi_schema_validator import OAS31Validator

from tests.api_examples.stable import Stable

Json = Any

_ASYNC: Final = {"Prefer": "respond-async"}


class Operations:
    """The operations of a description, and the check of an answer."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._by_name = {
            operation["operationId"]: (method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if method != "parameters"
        }
        self._components = copy.deepcopy(document["components"])
        for schema in self._components["schemas"].values():
            if "properties" in schema:  # a key that is not described is a fault of an example
                schema.setdefault("additionalProperties", False)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def request(self, name: str) -> tuple[str, str, Json]:
        """Return the method, the path and the example of the body."""
        method, path, operation = self._by_name[name]
        content = operation.get("requestBody", {}).get("content", {})
        return method, path, content.get("application/json", {}).get("example")

    def answer(self, name: str, status: int | str) -> dict[str, Any]:
        """Return the description of an answer, without its references to headers."""
        found: dict[str, Any] = self._by_name[name][2]["responses"][str(status)]
        return found

    def statuses(self, name: str) -> list[str]:
        """Return the statuses of answers."""
        return list(self._by_name[name][2]["responses"])

    def content(self, name: str, status: int | str) -> dict[str, Any]:
        """Return the description of a body; empty for an answer without one."""
        return next(iter(self.answer(name, status).get("content", {}).values()), {})

    def check(self, name: str, status: int | str, body: Json) -> None:
        """Fail if a body does not have the described form, to the letter."""
        schema = {**self.content(name, status)["schema"], "components": self._components}
        checker = OAS31Validator(schema, format_checker=OAS31Validator.FORMAT_CHECKER)
        faults = [f"{fault.json_path}: {fault.message}" for fault in checker.iter_errors(body)]
        assert faults == [], (name, status, faults)


class Recorder:
    """A client of a new server.

    Args:
        http: the client; its base address is that of the version.
        operations: the operations of the version.
    """

    def __init__(self, http: httpx2.Client, operations: Operations) -> None:
        self._http = http
        self._operations = operations
        self._stable = Stable()
        self.answers: dict[str, dict[str, Json]] = {}
        self.problems: dict[str, dict[str, Json]] = {}
        self.headers: dict[str, str] = {}

    def recorded(self) -> dict[str, Any]:
        """Return what was recorded, in the form of the committed file."""
        return {"answers": self.answers, "problems": self.problems, "headers": self.headers}

    @contextmanager
    def sending_to(self, http: httpx2.Client) -> Iterator[None]:
        """Send the requests inside to another server."""
        usual, self._http = self._http, http
        yield
        self._http = usual

    def send(
        self,
        name: str,
        *,
        body: Json = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **segments: str,
    ) -> httpx2.Response:
        """Send an operation; without a body, that of its example. The answer is not recorded."""
        method, path, example = self._operations.request(name)
        place = path.lstrip("/").format_map(segments)
        given = example if body is None else body
        answer = self._http.request(method, place, json=given, params=query, headers=headers)
        self._operations.check(name, answer.status_code, answer.json())
        return answer

    def show(self, name: str, *, status: int = 200, only: Any = None, **request: Any) -> Json:
        """Send an operation and record its answer; return the real one.

        Args:
            name: the id of the operation.
            status: the expected status.
            only: a function that returns the part of the body which is the same on each machine.
            request: the arguments of :meth:`send`.
        """
        example = self._operations.request(name)[2]
        is_of_example = example is None or "body" not in request or status == HTTPStatus.ACCEPTED
        assert is_of_example, f"{name}: the answer shown is that to the example of the body"
        answer = self.send(name, **request)
        assert answer.status_code == status, (name, answer.status_code, answer.text)
        body = answer.json()
        status = answer.status_code
        known = self.answers.setdefault(name, {})
        assert str(status) not in known, f"{name} has an example with {status} already"
        known[str(status)] = self._stable.of(body if only is None else only(body))
        self._keep_headers(name, answer)
        return body

    def other_reads(self) -> list[str]:
        """Return the reads without an example yet that need no id."""
        asked = {name: self._operations.request(name) for name in self._operations}
        return [
            name
            for name, (method, path, _) in asked.items()
            if method == "GET"
            and "{" not in path.replace("{cloud}", "")
            and name not in self.answers
        ]

    def show_headers(self, name: str, **request: Any) -> None:
        """Send an operation and record only the headers of its answer."""
        self._keep_headers(name, self.send(name, **request))

    def accept(self, name: str, **request: Any) -> Json:
        """Send a change and record the answer that comes before it is made.

        Returns:
            the operation as version 2 shows it, once it has succeeded.
        """
        return self.settled(self.show(name, status=HTTPStatus.ACCEPTED, headers=_ASYNC, **request))

    def settled(self, accepted: Json) -> Json:
        """Return the operation of a change that was accepted, once it has succeeded."""
        shown = accepted["operation"]
        operation = shown if isinstance(shown, str) else shown["id"]
        place = self._http.base_url.join(f"/api/v2/operations/{operation}")
        found = self._http.get(place, params={"wait": "30s"}).json()
        assert found["state"] == "succeeded", found
        return found

    def refuse(self, code: str, name: str, *, status: int, **request: Any) -> None:
        """Send an operation that is refused, and record the problem."""
        self.keep_refusal(code, name, status, self.send(name, **request))

    def keep_refusal(self, code: str, name: str, status: int, answer: httpx2.Response) -> None:
        """Record the problem with which an operation was refused."""
        body = answer.json()
        assert (answer.status_code, body["error_code"]) == (status, code), (name, answer.text)
        known = self.problems.setdefault(str(status), {})
        assert code not in known, f"{status} {code} has an example already"
        known[code] = self._stable.of(body)
        self._keep_headers(name, answer)

    def _keep_headers(self, name: str, answer: httpx2.Response) -> None:
        described = self._operations.answer(name, answer.status_code).get("headers", {})
        for header, about in described.items():
            component = re.sub(".*/", "", about["$ref"])
            if header in answer.headers and component not in self.headers:
                self.headers[component] = self._stable.of(answer.headers[header])
