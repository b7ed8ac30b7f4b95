"""Schemas of errors (RFC 9457)."""

from __future__ import annotations

from marshmallow import Schema, fields

from orchestrator_core.api.error_codes import OF_UNREADABLE_HEADS
from orchestrator_core.api.v2.schemas.fields import number, one_of, optional, text
from orchestrator_core.api.v2.schemas.lists import CloudAnswerSchema


class FaultSchema(Schema):
    """A fault of a request, with its place."""

    pointer = text("The place in the body, as a JSON pointer (RFC 6901).", always=False)
    parameter = text("The parameter of the query or the header.", always=False)
    detail = text("What is wrong, and what would be right.")


class UnreadableRequestSchema(Schema):
    """The refusal of a request whose head the server cannot read, in the form of version 1."""

    message = text("What is wrong.")
    status = one_of("`error`.", "error")
    status_code = number("The status of the answer.")
    status_long_message = text("The long phrase of the status.")
    status_short_message = text("The short phrase of the status.")
    error_code = one_of("The code for programs.", *sorted(OF_UNREADABLE_HEADS))


class ProblemSchema(Schema):
    """An error (RFC 9457)."""

    type = text("`urn:orchestrator:problem:` and the error code.")
    title = text("The meaning of the error code.")
    status = number("The status of the answer.")
    detail = text("What was refused, and why.")
    error_code = text("The code for programs.")
    advice = text("What to do.")
    request_id = optional("The id under which the server's log has the request.")
    errors = fields.List(fields.Nested(FaultSchema))
    operation = text(
        "The operation that ended with the error, or that continues despite it.", always=False
    )
    clouds = fields.List(
        fields.Nested(CloudAnswerSchema),
        metadata={"description": "With `no_cloud_answered`: each cloud, with its own error."},
    )
