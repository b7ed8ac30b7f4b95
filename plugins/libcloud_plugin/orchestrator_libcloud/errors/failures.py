"""Tables of failures: from each library's failures to our errors.

Libcloud's drivers raise many kinds of errors: its own classes, those of ``requests`` and other
libraries, and plain exceptions with a text. The tables name the classes and do not import them,
because most are never loaded. Our own texts say what happened; the provider's sentence follows
after it has been cleaned (``redaction``). The codes of providers are in ``provider_codes``, the
meanings of their sentences in ``provider_phrases``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orchestrator_core import (
    CloudError,
    CloudTimeout,
    CloudUnreachable,
    Conflict,
    CredentialsRefused,
    ImageNotFound,
    InvalidAnswer,
    NodeNotFound,
    NotFound,
    OrchestratorError,
    QuotaExceeded,
    RateLimited,
    Refused,
    SizeNotFound,
    Unsupported,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a failure.

    Attributes:
        error: the class to raise.
        text: the text that says what happened; the cloud's name comes before it.
        field: the parameter of a start that is wrong, if there is one; the error is then
            InvalidParameter.
        transient: whether the same read may soon succeed, if that differs from the class.
        before: the text before the provider's own sentence, if it is not ``text``.
    """

    error: type[OrchestratorError]
    text: str
    field: str | None = None
    transient: bool | None = None
    before: str | None = None


TIMEOUT: Final = Meaning(CloudTimeout, "did not answer in time")
"""The call's own time has ended."""

UNREACHABLE: Final = Meaning(CloudUnreachable, "cannot be reached")
_BROKEN = Meaning(CloudUnreachable, "closed the connection in the middle of its answer")
_INSECURE = Meaning(
    CloudUnreachable,
    "cannot be reached: no secure connection (is its certificate trusted?)",
    transient=False,
)
_BAD_ADDRESS = Meaning(CloudUnreachable, "has no usable address in the settings", transient=False)
_NO_HOST = Meaning(CloudUnreachable, "cannot be reached: no host has its name", transient=False)
_NO_PROXY = Meaning(CloudUnreachable, "cannot be reached through the proxy")
_CIRCLE = Meaning(InvalidAnswer, "redirects from one address to another without end")
_LATE = Meaning(CloudTimeout, "reports a timeout of its own", transient=True)
FAULT: Final = Meaning(CloudError, "reports a fault of its own", transient=True)
DOWN: Final = Meaning(CloudUnreachable, "is not available at the moment")
_NONSENSE = Meaning(InvalidAnswer, "returned an answer that cannot be understood")
CREDENTIALS: Final = Meaning(CredentialsRefused, "refused the credentials of the settings")
NOT_ALLOWED: Final = Meaning(
    CredentialsRefused, "does not allow this with the settings' credentials"
)
SLOWER: Final = Meaning(RateLimited, "asks for fewer requests")
QUOTA: Final = Meaning(QuotaExceeded, "has no quota left for this")
CAPACITY: Final = Meaning(QuotaExceeded, "has no capacity left for this")
STATE: Final = Meaning(Conflict, "does not allow this in the present state")
CONFLICT: Final = Meaning(Conflict, STATE.text, before="refused this")
EXISTS: Final = Meaning(Conflict, "already has an object with this name")
REPEATED: Final = Meaning(Conflict, "has seen this start before, with other parameters")
INVALID: Final = Meaning(Refused, "refused the request", before="refused this")
UNSUPPORTED: Final = Meaning(Unsupported, "does not offer this through Libcloud")
_FAILED = Meaning(CloudError, "failed")
NO_NODE: Final = Meaning(NodeNotFound, "has no such node")
NO_IMAGE: Final = Meaning(ImageNotFound, "has no such image")
NO_SIZE: Final = Meaning(SizeNotFound, "has no such size")
NO_THING: Final = Meaning(NotFound, "has no such object")
NO_KEY: Final = Meaning(Refused, "there is no key pair with this name", field="keyname")
BAD_METADATA: Final = Meaning(Refused, "not accepted by the cloud", field="metadata")
BAD_SIZE: Final = Meaning(Refused, "not offered for this image or location", field="size")
BAD_NAME: Final = Meaning(Refused, "not accepted by the cloud", field="name")
BAD_IMAGE: Final = Meaning(Refused, "not accepted by the cloud", field="image")
BAD_KEY: Final = Meaning(Refused, "not accepted by the cloud", field="keyname")
WRONG_SIZE: Final = Meaning(Refused, "not accepted by the cloud", field="size")
NO_NETWORK: Final = Meaning(Refused, "there is no such network or subnet", field="networks")
BAD_NETWORK: Final = Meaning(Refused, "not accepted by the cloud", field="networks")
NEEDS_NETWORK: Final = Meaning(Refused, "the cloud cannot choose one; name it", field="networks")
NO_FIREWALL: Final = Meaning(Refused, "there is no such security group", field="firewalls")
BAD_FIREWALL: Final = Meaning(Refused, "not accepted by the cloud", field="firewalls")
BAD_LOCATION: Final = Meaning(Refused, "not accepted by the cloud", field="location")
BAD_USER_DATA: Final = Meaning(Refused, "not accepted by the cloud", field="user_data")
BAD_ROOT_DISK: Final = Meaning(Refused, "not accepted by the cloud", field="root_disk")
BAD_VOLUMES: Final = Meaning(Refused, "not accepted by the cloud", field="volumes")
NO_GROUP: Final = Meaning(Refused, "there is no such resource group", field="options")
BAD_OPTIONS: Final = Meaning(Refused, "not accepted by the cloud", field="options")
BAD_SPOT: Final = Meaning(Refused, "not accepted by the cloud", field="spot")

BY_FIELD: Final = {
    "name": BAD_NAME,
    "image": BAD_IMAGE,
    "size": WRONG_SIZE,
    "keyname": BAD_KEY,
    "ssh_keys": Meaning(Refused, "not accepted by the cloud", field="ssh_keys"),
    "metadata": BAD_METADATA,
    "tags": Meaning(Refused, "not accepted by the cloud", field="tags"),
    "networks": BAD_NETWORK,
    "firewalls": BAD_FIREWALL,
    "location": BAD_LOCATION,
    "user_data": BAD_USER_DATA,
    "options": BAD_OPTIONS,
}
"""The meanings of a refusal that names a parameter of a start, by our name of the parameter."""

UNKNOWN: Final = _FAILED
"""The meaning of a failure that is in no table."""

BY_CLASS: Final[dict[str, Meaning]] = {
    "libcloud.common.types.InvalidCredsError": CREDENTIALS,
    "libcloud.common.types.MalformedResponseError": _NONSENSE,
    "libcloud.common.types.ServiceUnavailableError": DOWN,
    "libcloud.common.exceptions.RateLimitReachedError": SLOWER,
    "libcloud.compute.types.KeyPairDoesNotExistError": NO_KEY,
    "libcloud.compute.drivers.ec2.IdempotentParamError": REPEATED,
    "requests.exceptions.ConnectTimeout": TIMEOUT,
    "requests.exceptions.Timeout": TIMEOUT,
    "requests.exceptions.SSLError": _INSECURE,
    "ssl.SSLError": _INSECURE,
    "requests.exceptions.ProxyError": _NO_PROXY,
    "requests.exceptions.InvalidProxyURL": _NO_PROXY,
    "requests.exceptions.TooManyRedirects": _CIRCLE,
    "requests.exceptions.ChunkedEncodingError": _BROKEN,
    "requests.exceptions.ConnectionError": UNREACHABLE,
    "requests.exceptions.ContentDecodingError": _NONSENSE,
    "requests.exceptions.JSONDecodeError": _NONSENSE,
    "requests.exceptions.InvalidURL": _BAD_ADDRESS,
    "requests.exceptions.InvalidSchema": _BAD_ADDRESS,
    "requests.exceptions.MissingSchema": _BAD_ADDRESS,
    "urllib3.exceptions.LocationValueError": _BAD_ADDRESS,
    "requests.exceptions.RequestException": UNREACHABLE,
    "http.client.HTTPException": _BROKEN,
    "builtins.TimeoutError": TIMEOUT,
    "builtins.OSError": UNREACHABLE,
    "builtins.NotImplementedError": UNSUPPORTED,
    "xml.etree.ElementTree.ParseError": _NONSENSE,
    "json.decoder.JSONDecodeError": _NONSENSE,
    "builtins.UnicodeError": _NONSENSE,
    # Errors of a driver that gets an answer that it does not expect.
    "builtins.LookupError": _NONSENSE,
    "builtins.AttributeError": _NONSENSE,
    "builtins.TypeError": _NONSENSE,
}
"""The meaning of an exception's class, or of its nearest base class in this table."""

BY_CAUSE: Final[dict[str, Meaning]] = {
    "urllib3.exceptions.ReadTimeoutError": TIMEOUT,
    "urllib3.exceptions.NewConnectionError": UNREACHABLE,  # also a ConnectTimeoutError, by name
    "urllib3.exceptions.ConnectTimeoutError": TIMEOUT,
    "ssl.SSLEOFError": _BROKEN,
    "http.client.HTTPException": _BROKEN,
    "builtins.ConnectionResetError": _BROKEN,
    "builtins.BrokenPipeError": _BROKEN,
}
"""The errors inside a connection's error that say more than its class."""

HIDES_CAUSE: Final = frozenset({UNREACHABLE, _BROKEN, _INSECURE})
"""The meanings of classes whose inner error is worth reading."""

NO_SUCH_HOST: Final = _NO_HOST
"""The meaning of a host name that the name servers do not know."""

SAYS_LESS_THAN_ANSWER: Final = frozenset({_NONSENSE, CREDENTIALS, DOWN, SLOWER, REPEATED, NO_KEY})
"""The meanings of classes about which a provider's answer says more: drivers raise "invalid
credentials" for every 403, and fail to parse the body of an error.
"""

BY_CLASS_AT_LAST: Final[dict[str, Meaning]] = {"builtins.ValueError": _NONSENSE}
"""The meanings of classes, used if neither text nor status says more."""

BY_STATUS: Final[dict[int, Meaning]] = {
    400: INVALID,
    401: CREDENTIALS,
    402: INVALID,
    403: NOT_ALLOWED,
    405: UNSUPPORTED,
    406: INVALID,
    408: _LATE,
    409: CONFLICT,
    412: STATE,
    413: SLOWER,
    422: INVALID,
    423: STATE,
    424: INVALID,
    429: SLOWER,
    430: INVALID,  # CloudStack: malformed, a parameter is wrong, unsupported
    431: INVALID,
    432: INVALID,
    500: FAULT,
    501: UNSUPPORTED,
    502: DOWN,
    503: DOWN,
    504: _LATE,
}
"""The meanings of HTTP statuses. The meaning of 404 depends on the request."""

SPEAKS_FOR_ITSELF: Final = frozenset({401, 429, 502, 503, 504})
"""Statuses whose texts add nothing: many are pages of a proxy in front of the cloud."""

ANOTHER_FAULT: Final = FAULT
"""The meaning of a status from 500 on that is not in the table."""

BY_LIBVIRT_CODE: Final[dict[int, Meaning]] = {
    3: UNSUPPORTED,  # not supported by this hypervisor's driver
    5: UNREACHABLE,  # no connect: this libvirt has no driver for the URI
    38: UNREACHABLE,  # system error
    39: UNREACHABLE,  # RPC
    40: _INSECURE,  # GnuTLS
    42: NO_NODE,  # no domain
    45: CREDENTIALS,  # authentication failed
    79: CREDENTIALS,  # authentication cancelled
    94: CREDENTIALS,  # authentication unavailable
    85: UNREACHABLE,  # ssh
    87: STATE,  # resource busy
    55: STATE,  # operation invalid
    68: TIMEOUT,  # operation timeout
    88: NOT_ALLOWED,  # access denied
}
"""The meanings of ``libvirtError.get_error_code()``."""
