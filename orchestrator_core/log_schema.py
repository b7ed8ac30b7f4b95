"""The fields of log lines, as a JSON schema and as a page.

``make pages`` writes both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class LogField:
    """A field that has the same meaning in every line that has it.

    Attributes:
        type: its JSON type.
        meaning: its meaning, in Markdown.
        is_required: whether every line has it.
        words: all of its values, if they are few.
    """

    name: str
    type: str | list[str]
    meaning: str
    is_required: bool = False
    words: tuple[str, ...] = ()


_TEXT: Final = "string"
_LEVELS: Final = ("debug", "info", "warning", "error", "critical")

FIELDS: Final = (
    LogField("timestamp", _TEXT, "Time in UTC, as RFC 3339 with microseconds.", is_required=True),
    LogField("level", _TEXT, "Importance.", is_required=True, words=_LEVELS),
    LogField(
        "event", _TEXT, "What happened. The text of an event stays the same.", is_required=True
    ),
    LogField("pid", "integer", "The process.", is_required=True),
    LogField("request_id", _TEXT, "The request: `X-Request-ID` of its answer."),
    LogField("operation_id", _TEXT, "The operation: its id in `/api/v2/operations`."),
    LogField("trace_id", _TEXT, "The trace, in hexadecimal, if the work is traced."),
    LogField("span_id", _TEXT, "The span of the trace that the line belongs to."),
    LogField("caller", ["string", "null"], "The name of the caller in `[auth.tokens]`."),
    LogField("address", _TEXT, "The client's address; `unix` for clients of a Unix socket."),
    LogField("method", _TEXT, "The method of a request."),
    LogField("route", _TEXT, "The template of a request's path, or `unmatched`."),
    LogField("status", "integer", "The status of an answer; 499 if the client left before it."),
    LogField("duration", "number", "Seconds."),
    LogField("cloud", _TEXT, "The name of a cloud."),
    LogField("backend", _TEXT, "The name of an assignment backend."),
    LogField("operation", _TEXT, "The hook that was called."),
    LogField("attempt", "integer", "The number of the attempt, from 1."),
    LogField("outcome", _TEXT, "`ok`, `abandoned` or an [error code](errors.md)."),
    LogField("why", ["string", "null"], "The reason, in the words that a caller may read."),
    LogField("cause", _TEXT, "The host and the system's error, for operators only."),
    LogField("help", _TEXT, "What to do."),
    LogField("exception", "array", "The stack trace of an unexpected error, outermost last."),
)
"""The fields; lines have others too, which belong to their event."""


def log_schema() -> dict[str, Any]:
    """Return the JSON schema of one line with ``log_format = "json"``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A log line of Orchestrator",
        "type": "object",
        "required": [one.name for one in FIELDS if one.is_required],
        "properties": {one.name: _property(one) for one in FIELDS},
    }


def log_schema_text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(log_schema(), indent=2, ensure_ascii=False) + "\n"


def _property(one: LogField) -> dict[str, Any]:
    words = {"enum": list(one.words)} if one.words else {}
    return {"type": one.type, **words, "description": one.meaning}


_HEAD: Final = """\
# Log lines

The server logs to standard error, one line for each event. With `[server] log_format = "json"` each
line is one JSON object. Secrets are removed from every line.

<!-- Generated from the code: make pages -->

## Fields

[log-schema.json](log-schema.json) is the schema of a line. Fields that it does not name belong to
their event.

"""

_EVENTS: Final = """\

## Events to know

| event | level | what it says |
| --- | --- | --- |
| `request` | info | A request was answered; for `/health` and `/metrics` at debug. |
| `cloud call` | see below | A call of a cloud or an assignment backend has ended. |
| `login failed` | warning | A request came without a valid token, from `address`. |
| `attempt ended` | info | The durable worker has made an attempt of an operation. |
| `lease expired` | info | The lease of a VM has ended, and the VM is released. |
| `thread lost` | warning | A call of a cloud does not end; its thread was replaced. |
| `folder of a killed process removed` | info | A start has removed what was left in `folder`. |
| `log lines lost` | warning | The reader of the log was too slow, or the disk was full. |

A `cloud call` that succeeds is logged at level debug, or at info if it took a quarter of its
operation's deadline. A refusal that the caller can correct is logged at info, and a failure of the
cloud at warning, with `why` and with the `cause` if the system has told one:

```json
{
  "event": "cloud call", "level": "warning", "timestamp": "2026-11-30T01:38:06.882958Z",
  "pid": 4711, "cloud": "lab", "operation": "list_nodes", "attempt": 1, "duration": 0.0021,
  "outcome": "cloud_unreachable", "why": "Cloud lab cannot be reached",
  "cause": "10.0.0.7:8774: ECONNREFUSED (Connection refused)",
  "caller": "ops", "request_id": "8f2c01ab-3"
}
```

Callers receive `why`, and never `cause`.

## Follow one request or one operation

Every line about a request has its `request_id`, and every line about an operation has its
`operation_id`, in the web worker and in the durable worker alike. The lines of a read that several
requests share have the id and the caller of the first one.

If a request or an attempt of an operation is [traced](../howto/watch.md#traces), its lines have
`trace_id` and `span_id` too. A trace goes on from the request to the durable worker.
"""


def log_page() -> str:
    """Return the page as Markdown."""
    rows = "".join(_row(one) for one in FIELDS)
    return f"{_HEAD}| field | type | meaning |\n| --- | --- | --- |\n{rows}{_EVENTS}"


def _row(one: LogField) -> str:
    types = [one.type] if isinstance(one.type, str) else one.type
    always = " Always present." if one.is_required else ""
    words = f" One of: {', '.join(one.words)}." if one.words else ""
    return f"| `{one.name}` | {' or '.join(types)} | {one.meaning}{words}{always} |\n"
