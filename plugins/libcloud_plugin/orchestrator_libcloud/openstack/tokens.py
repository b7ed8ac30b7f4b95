"""One token for a cloud, shared by all of its threads.

Each thread has a Libcloud driver of its own, and each driver a connection for each service. Left
to themselves all of those log in one by one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator_core import CredentialsRefused, OrchestratorError

_MARGIN_SECONDS: Final = 60.0
_MARGIN_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Token:
    """What a login gave.

    Attributes:
        value: goes into ``X-Auth-Token``.
        seconds: how long it holds from ``begun`` on.
        catalog: the services, as Keystone told them.
        begun: when the login was sent, on the monotonic clock. The wall clock is not used: it may
            differ from Keystone's, and it may be set.
    """

    value: str = field(repr=False)
    seconds: float
    catalog: Any = field(default=None, repr=False)
    begun: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds until it ends; negative after that."""
        return self.begun + self.seconds - time.monotonic()

    @property
    def margin(self) -> float:
        """How many seconds before its end it is renewed."""
        return min(_MARGIN_SECONDS, _MARGIN_SHARE * self.seconds)


class TokenStore:
    """Keeps one token. One thread logs in at a time; the others wait for what comes of it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._token: Token | None = None
        self._worked: str | None = None
        self._is_busy = False
        self._refusal: CredentialsRefused | None = None

    def get(self, login: Callable[[], Token], seconds_left: Callable[[], float]) -> Token:
        """Return a token that holds; log in where there is none.

        A token that will soon end is still given to the threads that do not renew it.

        Args:
            login: logs in; called in this thread, or not at all.
            seconds_left: tells what the call may still wait, and raises when it is over.

        Raises:
            CredentialsRefused: what the login raised that this thread made or waited for.
            OrchestratorError: what this thread's own login or ``seconds_left`` raised.
        """
        with self._changed:
            refused_before = self._refusal
            while True:
                kept = self._token
                if kept is not None and kept.left > (0.0 if self._is_busy else kept.margin):
                    return kept
                if not self._is_busy:
                    self._is_busy = True
                    break
                self._changed.wait(seconds_left())
                # One wrong password is one refused login, however many callers wait: many of
                # them in a row would lock the account.
                if self._refusal is not None and self._refusal is not refused_before:
                    raise _copy(self._refusal)
        return self._renew(login)

    def accepted(self, value: str | None) -> None:
        """Note that a service took the token with this value."""
        self._worked = value

    def discard(self, value: str | None) -> bool:
        """Forget the token with this value, which a service refused.

        A newer one stays: another thread may have logged in meanwhile.

        Returns:
            Whether another token may well be taken: there is a newer one, or this one was taken
            before it was revoked. One that is refused at its first use is refused for a reason that
            another login does not change.
        """
        with self._changed:
            is_current = self._token is not None and self._token.value == value
            has_newer = self._token is not None and not is_current
            if is_current:
                self._token = None
            return has_newer or (value is not None and value == self._worked)

    def _renew(self, login: Callable[[], Token]) -> Token:
        token: Token | None = None
        refusal: CredentialsRefused | None = None
        try:
            token = login()
        except CredentialsRefused as error:
            refusal = error
            raise
        except OrchestratorError:
            if (kept := self._token) is not None and kept.left > 0:
                return kept  # it holds yet; the next call tries again
            raise
        finally:
            with self._changed:
                self._is_busy = False
                self._token = token or self._kept()
                self._refusal = None if refusal is None else _copy(refusal)
                self._changed.notify_all()
        return token

    def _kept(self) -> Token | None:
        return self._token if self._token is not None and self._token.left > 0 else None


def _copy(error: CredentialsRefused) -> CredentialsRefused:
    """Return a refusal without its traceback, for another thread to raise."""
    return CredentialsRefused(error.message, repeat_is_safe=error.repeat_is_safe)
