"""The table of what goes wrong: which failure of which library means which of our errors.

Libcloud's drivers raise whatever they like: its own classes, those of ``requests`` and
other libraries, plain exceptions with a text. Classes are named here, not imported, since most
are never loaded. Texts of ours say what happened and nothing of the error's own text,
which may hold addresses, URLs with signed queries, or credentials.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from orchestrator_core import (
    CloudError,
    CloudTimeout,
    CloudUnreachable,
    Conflict,
    CredentialsRefused,
    ImageNotFound,
    NodeNotFound,
    NonsenseAnswer,
    OrchestratorError,
    QuotaExceeded,
    RateLimited,
    RequestError,
    SizeNotFound,
    Unsupported,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a failure means.

    Attributes:
        error: the class to raise.
        text: what happened; the cloud's name goes before it.
        field: the parameter that is wrong, when one is; the error is then InvalidParameter.
        transient: whether the same read may well succeed in a moment, where that is not
            what the class says.
    """

    error: type[OrchestratorError]
    text: str
    field: str | None = None
    transient: bool | None = None


TIMEOUT: Final = Meaning(CloudTimeout, "did not answer in time")
"""The end of the call's own time."""

_UNREACHABLE = Meaning(CloudUnreachable, "cannot be reached")
_BROKEN = Meaning(CloudUnreachable, "broke off in the middle of its answer")
_INSECURE = Meaning(
    CloudUnreachable,
    "cannot be reached: no secure connection (is its certificate trusted?)",
    transient=False,
)
_BAD_ADDRESS = Meaning(CloudUnreachable, "has no usable address in the settings", transient=False)
_NO_HOST = Meaning(
    CloudUnreachable, "cannot be reached: there is no host of its name", transient=False
)
_NO_PROXY = Meaning(CloudUnreachable, "cannot be reached through the proxy")
_CIRCLE = Meaning(NonsenseAnswer, "sends us from one address to another without end")
_LATE = Meaning(CloudTimeout, "reports that it took too long itself", transient=True)
_FAULT = Meaning(CloudError, "reports a fault of its own", transient=True)
_DOWN = Meaning(CloudUnreachable, "is not available at the moment")
_NONSENSE = Meaning(NonsenseAnswer, "gave an answer that cannot be understood")
_CREDENTIALS = Meaning(CredentialsRefused, "refused the credentials of the settings")
_NOT_ALLOWED = Meaning(CredentialsRefused, "does not allow this with the settings' credentials")
_SLOWER = Meaning(RateLimited, "asks for fewer requests")
_QUOTA = Meaning(QuotaExceeded, "has no quota left for this")
_CAPACITY = Meaning(QuotaExceeded, "has no capacity left for this")
_STATE = Meaning(Conflict, "does not allow this in the present state")
_REPEATED = Meaning(Conflict, "has seen this start before, with other parameters")
_INVALID = Meaning(RequestError, "refused the request as it is")
_UNSUPPORTED = Meaning(Unsupported, "does not offer this through Libcloud")
_FAILED = Meaning(CloudError, "failed")
_NO_NODE = Meaning(NodeNotFound, "has no such node")
_NO_IMAGE = Meaning(ImageNotFound, "has no such image")
_NO_SIZE = Meaning(SizeNotFound, "has no such size")
_NO_KEY = Meaning(RequestError, "there is no key pair of this name", field="keyname")
_BAD_METADATA = Meaning(RequestError, "not accepted by the cloud", field="metadata")
_BAD_SIZE = Meaning(RequestError, "not offered for this image or place", field="size")

UNKNOWN: Final = _FAILED
"""For what stands nowhere in the tables."""

BY_CLASS: Final[dict[str, Meaning]] = {
    "libcloud.common.types.InvalidCredsError": _CREDENTIALS,
    "libcloud.common.types.MalformedResponseError": _NONSENSE,
    "libcloud.common.types.ServiceUnavailableError": _DOWN,
    "libcloud.common.exceptions.RateLimitReachedError": _SLOWER,
    "libcloud.compute.types.KeyPairDoesNotExistError": _NO_KEY,
    "libcloud.compute.drivers.ec2.IdempotentParamError": _REPEATED,
    "requests.exceptions.ConnectTimeout": TIMEOUT,
    "requests.exceptions.Timeout": TIMEOUT,
    "requests.exceptions.SSLError": _INSECURE,
    "ssl.SSLError": _INSECURE,
    "requests.exceptions.ProxyError": _NO_PROXY,
    "requests.exceptions.InvalidProxyURL": _NO_PROXY,
    "requests.exceptions.TooManyRedirects": _CIRCLE,
    "requests.exceptions.ChunkedEncodingError": _BROKEN,
    "requests.exceptions.ConnectionError": _UNREACHABLE,
    "requests.exceptions.ContentDecodingError": _NONSENSE,
    "requests.exceptions.JSONDecodeError": _NONSENSE,
    "requests.exceptions.InvalidURL": _BAD_ADDRESS,
    "requests.exceptions.InvalidSchema": _BAD_ADDRESS,
    "requests.exceptions.MissingSchema": _BAD_ADDRESS,
    "urllib3.exceptions.LocationValueError": _BAD_ADDRESS,
    "requests.exceptions.RequestException": _UNREACHABLE,
    "http.client.HTTPException": _BROKEN,
    "builtins.TimeoutError": TIMEOUT,
    "builtins.OSError": _UNREACHABLE,
    "builtins.NotImplementedError": _UNSUPPORTED,
    "xml.etree.ElementTree.ParseError": _NONSENSE,
    "json.decoder.JSONDecodeError": _NONSENSE,
    "builtins.UnicodeError": _NONSENSE,
    # What a driver raises that meets an answer it does not expect.
    "builtins.LookupError": _NONSENSE,
    "builtins.AttributeError": _NONSENSE,
    "builtins.TypeError": _NONSENSE,
}
"""An exception's class, or the nearest of its bases that is here."""

BY_CAUSE: Final[dict[str, Meaning]] = {
    "urllib3.exceptions.ReadTimeoutError": TIMEOUT,
    "urllib3.exceptions.NewConnectionError": _UNREACHABLE,  # also a ConnectTimeoutError, by name
    "urllib3.exceptions.ConnectTimeoutError": TIMEOUT,
    "ssl.SSLEOFError": _BROKEN,
    "http.client.HTTPException": _BROKEN,
    "builtins.ConnectionResetError": _BROKEN,
    "builtins.BrokenPipeError": _BROKEN,
}
"""What lies inside of a connection's error and tells more than its class."""

HIDES_CAUSE: Final = frozenset({_UNREACHABLE, _BROKEN, _INSECURE})
"""What classes mean that are worth a look inside."""

NO_SUCH_HOST: Final = _NO_HOST
"""For a name of which the name servers say that it is nobody's."""

IS_NONSENSE: Final = _NONSENSE
"""What a bad status says more about than this."""

BY_CLASS_AT_LAST: Final[dict[str, Meaning]] = {"builtins.ValueError": _NONSENSE}
"""Asked when neither text nor status told more."""

_AMAZON_CODES: Final[dict[Meaning, str]] = {
    _NO_IMAGE: "InvalidAMIID.NotFound InvalidAMIID.Malformed InvalidAMIID.Unavailable",
    _NO_NODE: "InvalidInstanceID.NotFound InvalidInstanceID.Malformed InvalidInstanceID",
    _NO_SIZE: "InvalidInstanceType",
    _BAD_SIZE: "Unsupported UnsupportedOperation UnsupportedHostConfiguration",
    _NO_KEY: "InvalidKeyPair.NotFound InvalidKeyPair.Format",
    _BAD_METADATA: "TagLimitExceeded InvalidTagKey.Malformed TagPolicyViolation",
    _QUOTA: (
        "InstanceLimitExceeded VcpuLimitExceeded MaxSpotInstanceCountExceeded "
        "PendingVerification ResourceLimitExceeded AddressLimitExceeded VolumeLimitExceeded"
    ),
    _CAPACITY: (
        "InsufficientInstanceCapacity InsufficientHostCapacity InsufficientCapacity "
        "InsufficientFreeAddressesInSubnet InsufficientAddressCapacity"
    ),
    _STATE: "IncorrectInstanceState IncorrectState OperationNotPermitted",
    _REPEATED: "IdempotentParameterMismatch",
    _CREDENTIALS: (
        "AuthFailure InvalidClientTokenId SignatureDoesNotMatch ExpiredToken RequestExpired "
        "MissingAuthenticationToken IncompleteSignature"
    ),
    _NOT_ALLOWED: "UnauthorizedOperation OptInRequired Blocked AccessDenied",
    _SLOWER: "RequestLimitExceeded Throttling ThrottlingException",
    _DOWN: "InternalError InternalFailure ServiceUnavailable Unavailable",
}
BY_CODE: Final = {
    code: meaning for meaning, words in _AMAZON_CODES.items() for code in words.split()
}
"""Amazon's error codes, which drivers put before their text: ``AuthFailure: ...``."""

BY_PHRASE: Final[tuple[tuple[re.Pattern[str], Meaning], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"invalid value '[^']*' for instance ?type", _NO_SIZE),
        (r"invalid key_name|key ?pair\b.*\b(not exist|not (be )?found)", _NO_KEY),
        (r"\bquota|limit (was |is |has been )?(exceeded|reached)|exceeds? .*\blimit", _QUOTA),
        (r"no valid host|insufficient (capacity|resources)|out of capacity", _CAPACITY),
        (r"(image|template)\b.*\b(not exist|not (be )?found)", _NO_IMAGE),
        (r"(flavou?r|instance type)\b.*\b(not exist|not (be )?found)", _NO_SIZE),
        (r"(server|instance|node|vm)\b.*\b(not exist|not (be )?found)", _NO_NODE),
        (r"invalid metadata|metadata (property )?(key|value)", _BAD_METADATA),
        (r"while it is in (vm|task)_state|in an invalid state", _STATE),
        (r"name or service not known|getaddrinfo failed|connection (refused|reset)", _UNREACHABLE),
        (r"rate limit|too many requests", _SLOWER),
        (r"unauthori[sz]ed|(invalid|bad|wrong) credentials|authentication failed", _CREDENTIALS),
    )
)
"""What providers write; asked only of errors that are the provider's own words."""

BY_STATUS: Final[dict[int, Meaning]] = {
    400: _INVALID,
    401: _CREDENTIALS,
    403: _NOT_ALLOWED,
    405: _UNSUPPORTED,
    408: _LATE,
    409: _STATE,
    413: _SLOWER,
    422: _INVALID,
    429: _SLOWER,
    500: _FAULT,
    501: _UNSUPPORTED,
    502: _DOWN,
    503: _DOWN,
    504: _LATE,
}
"""The status of an HTTP answer. 404 depends on what was asked for."""

SPEAKS_FOR_ITSELF: Final = frozenset({401, 429, 502, 503, 504})
"""Statuses whose texts add nothing: many are pages of a proxy before the cloud."""

ANOTHER_FAULT: Final = _FAULT
"""For the statuses from 500 on that stand nowhere in the table."""

BY_LIBVIRT_CODE: Final[dict[int, Meaning]] = {
    3: _UNSUPPORTED,  # not supported by this hypervisor's driver
    5: _UNREACHABLE,  # no connect: this libvirt has no driver for the URI
    38: _UNREACHABLE,  # system error
    39: _UNREACHABLE,  # RPC
    40: _INSECURE,  # GnuTLS
    42: _NO_NODE,  # no domain
    45: _CREDENTIALS,  # authentication failed
    79: _CREDENTIALS,  # authentication cancelled
    94: _CREDENTIALS,  # authentication unavailable
    85: _UNREACHABLE,  # ssh
    87: _STATE,  # resource busy
    55: _STATE,  # operation invalid
    68: TIMEOUT,  # operation timeout
    88: _NOT_ALLOWED,  # access denied
}
"""``libvirtError.get_error_code()``."""
