"""Login to Keystone, over Libcloud's identity connections.

This module imports Libcloud, so it is imported only when the first OpenStack driver is made.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping
from typing import Any, Final

from libcloud.common.exceptions import BaseHTTPError
from libcloud.common.openstack_identity import (
    OpenStackIdentity_3_0_Connection,
    OpenStackIdentity_3_0_Connection_AppCred,
    get_class_for_auth_version,
)
from libcloud.common.types import InvalidCredsError

from orchestrator_core import CloudError, CredentialsRefused, InvalidAnswer
from orchestrator_libcloud.openstack import addresses
from orchestrator_libcloud.openstack.tokens import Token

_LIFETIME_UNKNOWN: Final = 300.0
"""Lifetime in seconds of a token for which Keystone states no end."""

_UNAUTHORIZED: Final = 401
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_CREATED: Final = frozenset({200, 201, 203})
_NOT_KEYSTONE: Final = frozenset({300, 301, 302, 303, 307, 308, 404, 405})


def log_in(connection: Any, auth: Mapping[str, str], cloud: str) -> Token:
    """Log in once and return the token.

    Args:
        connection: the Libcloud connection of a service, which knows the kind of login.
        auth: the ``auth`` of :class:`~orchestrator_libcloud.openstack.options.Options`.
        cloud: the cloud's name, for messages.

    Raises:
        CredentialsRefused: Keystone refuses the credentials.
        CloudError: there is no Keystone at the auth URL, or it rejects the request.
        InvalidAnswer: Keystone's answer has no token.
    """
    identity = _identity(connection, auth)
    begun = time.monotonic()
    try:
        if isinstance(identity, OpenStackIdentity_3_0_Connection) and _is_ours(identity):
            return _log_in_3(identity, auth, cloud, begun)
        return _log_in_otherwise(identity, connection, cloud, begun)
    finally:
        http = getattr(identity, "connection", None)
        if http is not None:
            http.session.close()


def _is_ours(identity: Any) -> bool:
    plain = type(identity).__mro__[2]
    return plain in (OpenStackIdentity_3_0_Connection, OpenStackIdentity_3_0_Connection_AppCred)


class _AnyAddress:
    """Connection to Keystone at IPv6 addresses and below a path, unlike Libcloud's own class."""

    auth_url: str

    def _tuple_from_url(self, url: str) -> tuple[str, int, int, str]:
        return addresses.split(url)

    def morph_action_hook(self, action: str) -> str:
        """Return the path of a request."""
        return addresses.split(self.auth_url)[3] + action


def _identity(connection: Any, auth: Mapping[str, str]) -> Any:
    version = connection._auth_version  # noqa: SLF001 - Libcloud offers it in no other way
    plain = get_class_for_auth_version(auth_version=version)  # type: ignore[no-untyped-call]
    made: type[Any] = type(plain.__name__, (_AnyAddress, plain), {})
    is_3 = plain in (OpenStackIdentity_3_0_Connection, OpenStackIdentity_3_0_Connection_AppCred)
    scope = "unscoped" if is_3 else connection._ex_token_scope  # noqa: SLF001
    return made(
        auth_url=auth["auth_url"],
        user_id=connection.user_id,
        key=connection.key,
        tenant_name=connection._ex_tenant_name,  # noqa: SLF001
        tenant_domain_id=connection._ex_tenant_domain_id,  # noqa: SLF001
        domain_name=connection._ex_domain_name,  # noqa: SLF001
        token_scope=scope,
        timeout=connection.timeout,
        proxy_url=connection.proxy_url,
        parent_conn=connection,
    )


def _log_in_3(identity: Any, auth: Mapping[str, str], cloud: str, begun: float) -> Token:
    try:
        response = identity.request(
            "/v3/auth/tokens",
            data=json.dumps({"auth": login_body(auth)}),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
    except BaseHTTPError as error:
        # Libcloud treats 401 as an answer, and most other statuses as errors.
        raise _meaning(int(error.code), identity, cloud) or error from error
    status = int(response.status)
    if status == _UNAUTHORIZED:
        raise _refused(cloud, auth)
    if status not in _CREATED:
        raise _meaning(status, identity, cloud) or BaseHTTPError(status, "no token")  # type: ignore[no-untyped-call]
    return _token(response, cloud, begun)


def _meaning(status: int, identity: Any, cloud: str) -> CloudError | None:
    """Return the meaning of a login's answer without a token; None if its status is sufficient."""
    answer = getattr(identity.connection, "response", None)
    kind = "" if answer is None else str(answer.headers.get("content-type", ""))
    if status in _NOT_KEYSTONE or (status == _FORBIDDEN and "json" not in kind):
        return _no_keystone(cloud, status)
    if status == _BAD_REQUEST:
        return CloudError(
            f"Cloud {cloud} cannot be used with its settings: Keystone refused the form of the "
            "login (400); check user, project and domains in the settings"
        )
    return None


def _token(response: Any, cloud: str, begun: float) -> Token:
    try:
        body = dict(json.loads(response.body)["token"])
        value = response.headers["x-subject-token"]
    except (ValueError, LookupError, TypeError):
        raise InvalidAnswer(f"Keystone of cloud {cloud} answered a login without a token") from None
    seconds = _lifetime(body.get("expires_at"), body.get("issued_at"))
    return Token(value, seconds, body.get("catalog"), begun)


def login_body(auth: Mapping[str, str]) -> dict[str, Any]:
    """Return the ``auth`` object of a login (Identity API v3, ``POST /v3/auth/tokens``)."""
    if "application_credential_secret" in auth:
        # Such a credential belongs to one project: Keystone would refuse a scope beside it.
        return {"identity": {"methods": ["application_credential"], **_application(auth)}}
    user = {**_user(auth), "password": auth["password"]}
    login: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    if "project_id" in auth:
        login["scope"] = {"project": {"id": auth["project_id"]}}
    elif "project_name" in auth:
        domain = _by_id_or_name(auth, "project_domain")
        login["scope"] = {"project": {"name": auth["project_name"], "domain": domain}}
    elif "system_scope" in auth:
        login["scope"] = {"system": {auth["system_scope"]: True}}
    elif domain := _by_id_or_name(auth, "domain"):
        login["scope"] = {"domain": domain}
    return login


def _application(auth: Mapping[str, str]) -> dict[str, Any]:
    credential: dict[str, Any] = {"secret": auth["application_credential_secret"]}
    if "application_credential_id" in auth:
        credential["id"] = auth["application_credential_id"]
    else:
        credential["name"] = auth["application_credential_name"]
        credential["user"] = _user(auth)
    return {"application_credential": credential}


def _user(auth: Mapping[str, str]) -> dict[str, Any]:
    if "user_id" in auth:
        return {"id": auth["user_id"]}
    return {"name": auth["username"], "domain": _by_id_or_name(auth, "user_domain")}


def _by_id_or_name(auth: Mapping[str, str], what: str) -> dict[str, str]:
    for suffix in ("id", "name"):
        if value := auth.get(f"{what}_{suffix}"):
            return {suffix: value}
    return {}


def _log_in_otherwise(identity: Any, connection: Any, cloud: str, begun: float) -> Token:
    """Log in by one of Libcloud's other ways: Keystone's API v1 and v2.0, OpenID Connect, VOMS."""
    version = connection._auth_version  # noqa: SLF001
    kinds = {"2.0_apikey": "api_key", "2.0_password": "password"}
    kind = {"auth_type": kinds[version]} if version in kinds else {}
    try:
        identity.authenticate(**kind)
    except InvalidCredsError:
        raise CredentialsRefused(
            f"Cloud {cloud} refused the credentials of the settings; check key and secret"
        ) from None
    expires = identity.auth_token_expires
    left = (
        (expires - dt.datetime.now(dt.UTC)).total_seconds()
        if isinstance(expires, dt.datetime)
        else _LIFETIME_UNKNOWN
    )
    return Token(identity.auth_token, left, identity.urls, begun)


def _lifetime(expires: object, issued: object) -> float:
    """Return a token's lifetime in seconds, by Keystone's own clock if it states both times."""
    end, start = _moment(expires), _moment(issued)
    if end is None:
        return _LIFETIME_UNKNOWN
    return (end - (start or dt.datetime.now(dt.UTC))).total_seconds()


def _moment(text: object) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return moment


def _refused(cloud: str, auth: Mapping[str, str]) -> CredentialsRefused:
    if "application_credential_secret" in auth:
        what = "check id and secret of the application credential, and that it has not expired"
    else:
        what = "check user (key), password (secret), the user's domain, and the project"
    return CredentialsRefused(f"Keystone of cloud {cloud} refused the login (401); {what}")


def _no_keystone(cloud: str, status: int) -> CloudError:
    return CloudError(
        f"Cloud {cloud} cannot be used with its settings: there is no Keystone v3 API at the auth "
        f"URL (it answered {status}); set ex_force_auth_url (or auth_url) to OS_AUTH_URL of the "
        "cloud's openrc file, for example https://HOST:5000/v3 or https://HOST/identity/v3"
    )
