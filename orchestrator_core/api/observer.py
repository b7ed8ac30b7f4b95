"""The observer of requests, which measures and logs them after their answers."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from orchestrator_core.api.access_log import AccessLog
from orchestrator_core.api.addresses import address_of
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.log import operation_id
from orchestrator_core.metrics.meter import EndedRequest, meter
from orchestrator_core.settings.model import ServerSettings

UNMATCHED: Final = "unmatched"
"""The route of requests that belong to none; their paths could be any number of different ones."""

NOTED: Final = "orchestrator.noted"
"""The key of an ASGI scope that holds its request and its answer."""

TRACE: Final = "orchestrator.trace"
"""The key of an ASGI scope that holds the ids of its span, if it is traced."""

_GONE: Final = 499
"""The status of a request whose client left before its answer; nginx logs the same."""

_FAILED: Final = 500

_DELAY: Final = 0.02
"""The seconds for which ended requests wait, to be measured and logged together."""


class Observer:
    """A list of ended requests, which is worked off a few times a second.

    Measuring and logging each request by itself would cost as much as a tenth of a short answer.
    Used from one event loop at a time.

    Args:
        settings: the settings of the log.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._access_log = AccessLog(settings)
        self._ended: list[EndedRequest] = []

    @staticmethod
    def begin(req: Request, resp: Response) -> None:
        """Note a request, whose route and status are known only later."""
        req.scope[NOTED] = (req, resp)

    def end(self, scope: dict[str, Any], seconds: float, error: BaseException | None) -> None:
        """Note the end of an ASGI scope, if it was a request.

        Args:
            scope: the scope.
            seconds: the time that it took.
            error: the error that ended it without an answer.
        """
        noted = scope.pop(NOTED, None)  # otherwise the request and its scope keep each other alive
        if noted is None:
            return
        req, resp = noted
        status = resp.status_code if error is None else _status_of(error)
        if not self._ended:
            asyncio.get_running_loop().call_later(_DELAY, self.flush)
        self._ended.append(
            EndedRequest(
                req.uri_template or UNMATCHED,
                req.method,
                status,
                seconds,
                time.time(),
                req.context.request_id,
                getattr(req.context, "caller", None),
                address_of(req),
                has_clients_words=req.context.is_named_by_client,
                operation_id=operation_id(),
                trace=scope.get(TRACE),
            )
        )

    def flush(self) -> None:
        """Measure and log the requests that have ended."""
        ended, self._ended = self._ended, []
        if ended:
            meter().requests(ended)
            self._access_log.write(ended)


def _status_of(error: BaseException) -> int:
    return _GONE if isinstance(error, asyncio.CancelledError) else _FAILED
