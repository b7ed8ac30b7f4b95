"""The form of every error of version 1: the five keys of its document."""

from __future__ import annotations

import falcon
import falcon.asgi

from orchestrator_core import errors
from orchestrator_core.api.errors import Fault, details_of, kind_of
from orchestrator_core.api.problem import problem


def answer_error(_req: falcon.asgi.Request, resp: falcon.asgi.Response, fault: Fault) -> None:
    """Answer with the five keys, and more where the document shows no example."""
    error = fault.error
    resp.status = fault.status
    resp.text = None
    resp.content_type = falcon.MEDIA_JSON
    if isinstance(error, errors.UnknownCloud):
        resp.data = problem(fault.status, fault.message)
        return
    resp.data = problem(fault.status, fault.message, code_of(fault.code), details_of(error))


def code_of(code: str) -> str:
    """Return the code of an error as version 1 shows it: one code for all refusals."""
    kind = kind_of(code)
    refused = errors.Refused
    return refused.code if kind is not None and issubclass(kind, refused) else code
