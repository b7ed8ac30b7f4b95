"""The startup of the application as a worker sees it: a failure is one line, not a stack trace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from orchestrator_core import errors

_OURS: Final = f"{errors.__name__}."

_Message = dict[str, Any]
_Send = Callable[[_Message], Awaitable[None]]


class Startup:
    """An ASGI application around another one, until that one has started.

    Falcon reports an error of the startup as a stack trace, which gunicorn logs.

    Args:
        application: an ASGI application.
        started: the function that is called once the application has started; requests do not need
            this object any more then.
    """

    def __init__(self, application: Any, started: Callable[[], None]) -> None:
        self._application = application
        self._started = started
        self._failure = ""

    @property
    def is_database_away(self) -> bool:
        """Return whether the startup failed because the database is unreachable."""
        name = self._failure.partition(":")[0].removeprefix(_OURS)
        kind = getattr(errors, name, None)
        return isinstance(kind, type) and issubclass(kind, errors.StateUnavailable)

    async def __call__(self, scope: _Message, receive: Any, send: _Send) -> None:
        """Serve as the inner application does."""

        async def told(message: _Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                lines = message.get("message", "").strip().splitlines() or [""]
                self._failure = lines[-1]
                if self._failure.startswith(_OURS):
                    said = self._failure.partition(": ")[2]
                    message = {**message, "message": said or self._failure}
            elif message["type"] == "lifespan.startup.complete":
                self._started()
            await send(message)

        await self._application(scope, receive, told)
