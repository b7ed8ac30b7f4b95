"""The conventions of version 2, as the description and the reference show them."""

from __future__ import annotations

from typing import Final

CONVENTIONS: Final = """\
One HTTP API in front of every cloud.

| what | how |
| --- | --- |
| callers | With accounts in the settings, each request needs `Authorization: Bearer TOKEN`. The operator gives out tokens. |
| errors | [Problem details](https://www.rfc-editor.org/rfc/rfc9457): `error_code` for programs, `detail` for people, `advice` on what to do. `errors` names each wrong field by a JSON pointer, or each wrong parameter. |
| requests | Every answer has the header `X-Request-ID`, under which the server's log has the request. |
| times | RFC 3339, in UTC. |
| pages | `limit`, and `cursor` with the value of `next` in the page before; the header `Link` has the address of the next page. Without `limit`, lists of a cloud come whole, and lists of records have 100 items. |
| unknown parameters | Refused with 400, and unknown fields of a body with 422. |
| unchanged answers | Lists of a cloud and VMs have an `ETag`; with it in `If-None-Match` the answer is 304. |
| changes | A change is recorded as an operation. Without `Prefer`, the answer comes when the change is made. With `Prefer: respond-async` or `Prefer: wait=30` the answer is 202 with the operation if the change is not made by then. |
| wait | `GET /operations/{operation_id}?wait=30s` answers when the operation has ended, or after 30 s with its present state. It has ended if its `state` is `succeeded`, `failed` or `abandoned`. |
| repeats | A repeat with the same `Idempotency-Key` gets the first answer again. Send a change whose answer was lost with the same key. |
| assignments | The `ETag` of an assignment is its `generation` in quotes, such as `"1"`. With it in `If-Match`, only that assignment is renewed or released, otherwise 412. An assignment that has ended is refused with 409. |
| limits | 429 and 503 have `Retry-After`: repeat the request after as many seconds. |
| stop and destroy | The action `stop` switches a VM off. `DELETE` of a VM destroys it and ends its assignment; `DELETE` of an assignment releases the VM, then destroys it. |
"""  # noqa: E501 - the rows of a Markdown table stay on one line
