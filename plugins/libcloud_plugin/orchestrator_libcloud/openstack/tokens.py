"""One token for a cloud, shared by all of its threads.

Each thread has its own Libcloud driver, and each driver has a connection for each service. Without
a shared token, each of these connections would log in separately.
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
    """The result of a login.

    Attributes:
        value: the value for ``X-Auth-Token``.
        seconds: the lifetime, from ``begun`` on.
        catalog: the services, as Keystone listed them.
        begun: the time when the login was sent, on the monotonic clock. The wall clock is not used:
            it may differ from Keystone's, and it may be changed.
    """

    value: str = field(repr=False)
    seconds: float
    catalog: Any = field(default=None, repr=False)
    begun: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Return the seconds until it ends; negative after that."""
        return self.begun + self.seconds - time.monotonic()

    @property
    def margin(self) -> float:
        """Return how many seconds before its end it is renewed."""
        return min(_MARGIN_SECONDS, _MARGIN_SHARE * self.seconds)


class TokenStore:
    """Store of one token. One thread logs in at a time; the others wait for its result."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._token: Token | None = None
        self._worked: str | None = None
        self._is_busy = False
        self._refusal: CredentialsRefused | None = None

    def get(self, login: Callable[[], Token], seconds_left: Callable[[], float]) -> Token:
        """Return a valid token; log in if there is none.

        While one thread renews a token that will soon end, the other threads still get the old one.

        Args:
            login: the function that logs in; it is called in this thread, or not at all.
            seconds_left: returns the seconds that the call may still wait, and raises when the call
                is over.

        Raises:
            CredentialsRefused: the login that this thread made or waited for was refused.
            OrchestratorError: this thread's own login or ``seconds_left`` failed.
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
                # A wrong password must cause only one refused login, however many callers wait:
                # many refused logins in a row would lock the account.
                if self._refusal is not None and self._refusal is not refused_before:
                    raise _copy(self._refusal)
        return self._renew(login)

    def accepted(self, value: str | None) -> None:
        """Record that a service accepted the token with this value."""
        self._worked = value

    def discard(self, value: str | None) -> bool:
        """Forget the token with this value, which a service refused.

        A newer token is kept: another thread may have logged in meanwhile.

        Returns:
            Whether another token may be accepted: there is a newer one, or this one was accepted
            before it was revoked. If a token is refused at its first use, another login does not
            help.
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
                return kept  # the token is still valid; the next call tries again
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
