"""The conventions of version 2, as the description and the reference show them."""

from __future__ import annotations

from typing import Final

CONVENTIONS: Final = """\
One HTTP API in front of every cloud.

To try it on this page: enter your token under **Authorize**, then send `GET /clouds`, which shows the names of the clouds, and `GET /clouds/{cloud}/nodes`, which shows the VMs of one. Neither changes anything.

<details><summary>Conventions of errors, times, pages, changes, repeats and limits</summary>

| what | how |
| --- | --- |
| callers | With accounts in the settings, each request needs `Authorization: Bearer TOKEN`. `X-Auth-Token: TOKEN` does the same. The operator gives out tokens. |
| errors | [Problem details](https://www.rfc-editor.org/rfc/rfc9457): `error_code` for programs, `detail` for people, `advice` on what to do. `errors` names each wrong field by a JSON pointer in the form of a URI fragment, such as `#/root_disk/size` (`#` is the whole body), or each wrong parameter of the query or header. |
| unreadable requests | A request whose head the server cannot read (`malformed_request`, `request_timeout`, `uri_too_long`, `headers_too_large`) is refused in the form of version 1, because its version is unknown: `error_code` is there, `detail` is named `message`. |
| methods | A method that a path does not serve is refused with 405 and `not_implemented`; the header `Allow` has the methods that it serves. |
| requests | Every answer has the header `X-Request-ID`, under which the server's log has the request. |
| times | RFC 3339, in UTC. |
| pages | `limit`, and `cursor` with the value of `next` in the page before; the header `Link` has the address of the next page. Repeat the filters and `sort` with each cursor; `Link` contains them. Without `limit`, lists of a cloud come whole, and lists of records have 100 items. |
| addresses | `Location` and `Link` are paths from the root of this host, such as `/api/v2/operations/ID`. |
| wrong requests | An unknown or wrong parameter of the query or header is refused with 400. A body that is not JSON, or that has an unknown or wrong field, is refused with 422. |
| unchanged answers | Lists of a cloud and VMs have an `ETag`; with it in `If-None-Match` the answer is 304. |
| changes | A change is recorded as an operation. Without `Prefer`, the answer comes when the change is made. A malformed `Prefer` is ignored. With `Prefer: respond-async` or `Prefer: wait=30` the answer is 202 with the operation if the change is not made by then. |
| wait | `GET /operations/{operation_id}?wait=30s` answers when the operation has ended, or after 30 s with its present state. Its longest wait is 60 s. The operation has ended if its `state` is `succeeded`, `failed` or `abandoned`. |
| repeats | A repeat with the same `Idempotency-Key` gets the first answer again. A key belongs to one caller, method and path, and is kept for a day unless the settings say otherwise. Send a change whose answer was lost with the same key. |
| assignments | The `ETag` of an assignment is its `generation` in quotes, such as `"1"`. With it in `If-Match`, only that assignment is renewed or released, otherwise 412. An assignment that has ended is refused with 409. |
| limits | 429 and 503 have `Retry-After`: repeat the request after as many seconds. |
| new VMs | A VM that was just started is shown as `pending`, in lists too, until its cloud shows it. A change of it waits until then. |
| stop and destroy | The action `stop` switches a VM off. `DELETE` of a VM destroys it and ends its assignment; `DELETE` of an assignment releases the VM, then destroys it. |

</details>
"""  # noqa: E501 - the rows of a Markdown table stay on one line
