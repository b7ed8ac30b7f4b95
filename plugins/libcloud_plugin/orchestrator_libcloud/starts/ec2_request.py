"""Corrections of the RunInstances request that Libcloud sends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode

_PUBLIC_IP: Final = "NetworkInterface.1.AssociatePublicIpAddress"
_FORM: Final = "application/x-www-form-urlencoded; charset=utf-8"
_SIGNS_BODIES: Final = "4"
"""The version of Amazon's signature with which Libcloud can sign a body."""


@contextmanager
def correct_start(driver: Any, *, public_ip: bool | None) -> Iterator[None]:
    """Correct the request that starts an instance, for the time of the context.

    * Libcloud can ask for a public address, but not for none.
    * Libcloud puts all parameters into the URL. 16 KiB of user data are longer than the URLs that
      HTTP servers accept, and proxies write URLs into their logs, so user data goes into the body.

    Args:
        driver: the Libcloud driver object, lent to this thread alone.
        public_ip: whether the instance gets a public address; None for the subnet's default.
    """
    connection = driver.connection
    send = connection.request

    def request(action: str, params: dict[str, Any], **more: Any) -> Any:
        if params.get("Action") != "RunInstances":
            return send(action, params=params, **more)
        if public_ip is not None:
            params[_PUBLIC_IP] = "true" if public_ip else "false"
        if "UserData" in params and connection.signature_version == _SIGNS_BODIES:
            body = urlencode({**params, "Version": connection.version})
            headers = {"Content-Type": _FORM}
            return send(action, method="POST", data=body, headers=headers, **more)
        return send(action, params=params, **more)

    # Set on the object, which belongs to this thread; all threads share the class.
    connection.request = request
    try:
        yield
    finally:
        del connection.request
