"""Meanings of the error codes of providers: exact codes first, then the words of a code.

Codes are the providers' own names for errors. Most stay the same for years, while
sentences are reworded and translated. Sources: the "error codes" pages of Amazon EC2, Compute
Engine ("Errors", "Troubleshooting VM creation"), Azure ("Common errors"), Alibaba ECS, OUTSCALE,
UpCloud and Scaleway; ``neutron_lib/exceptions`` for Neutron's types; ``ApiErrorCode`` for the
numbers of CloudStack.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from orchestrator_libcloud.errors import failures
from orchestrator_libcloud.errors.failures import Meaning
from orchestrator_libcloud.patterns import Pattern

_AMAZON: Final[dict[Meaning, str]] = {
    failures.NO_IMAGE: "InvalidAMIID.NotFound InvalidAMIID.Malformed InvalidAMIID.Unavailable",
    failures.NO_NODE: "InvalidInstanceID.NotFound InvalidInstanceID.Malformed InvalidInstanceID",
    failures.NO_SIZE: "InvalidInstanceType",
    failures.BAD_SIZE: (
        "Unsupported UnsupportedOperation UnsupportedHostConfiguration UnsupportedInstanceAttribute"
    ),
    failures.NO_KEY: "InvalidKeyPair.NotFound InvalidKeyPair.Format",
    failures.NEEDS_NETWORK: "VPCIdNotSpecified DefaultVpcDoesNotExist",
    failures.NO_NETWORK: "InvalidSubnetID.NotFound InvalidSubnetId.Malformed InvalidSubnet",
    failures.NO_FIREWALL: (
        "InvalidGroup.NotFound InvalidGroupId.Malformed InvalidSecurityGroupID.NotFound"
    ),
    failures.BAD_FIREWALL: (
        "SecurityGroupsPerInterfaceLimitExceeded SecurityGroupsPerInstanceLimitExceeded"
    ),
    failures.BAD_ROOT_DISK: "InvalidBlockDeviceMapping",
    failures.BAD_SPOT: "SpotMaxPriceTooLow",
    failures.BAD_METADATA: "TagLimitExceeded InvalidTagKey.Malformed TagPolicyViolation",
    failures.QUOTA: (
        "InstanceLimitExceeded VcpuLimitExceeded MaxSpotInstanceCountExceeded "
        "PendingVerification ResourceLimitExceeded AddressLimitExceeded VolumeLimitExceeded"
    ),
    failures.CAPACITY: (
        "InsufficientInstanceCapacity InsufficientHostCapacity InsufficientCapacity "
        "InsufficientFreeAddressesInSubnet InsufficientAddressCapacity "
        "ReservationCapacityExceeded"
    ),
    failures.STATE: "IncorrectInstanceState IncorrectState OperationNotPermitted",
    failures.REPEATED: "IdempotentParameterMismatch",
    failures.CREDENTIALS: (
        "AuthFailure InvalidClientTokenId SignatureDoesNotMatch ExpiredToken RequestExpired "
        "MissingAuthenticationToken IncompleteSignature"
    ),
    failures.NOT_ALLOWED: "UnauthorizedOperation OptInRequired Blocked AccessDenied",
    failures.SLOWER: (
        "RequestLimitExceeded Throttling ThrottlingException SlowDown PriorRequestNotComplete "
        "BandwidthLimitExceeded ClientRequestLimitExceeded"
    ),
    failures.DOWN: "InternalError InternalFailure ServiceUnavailable Unavailable",
}

_GOOGLE: Final[dict[Meaning, str]] = {
    failures.SLOWER: (
        "rateLimitExceeded userRateLimitExceeded rateLimitExceededUnreg servingLimitExceeded "
        "variableTermLimitExceeded dailyLimitExceeded concurrentLimitExceeded "
        "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED RATE_LIMIT_EXCEEDED RATE_LIMITED "
        "RESOURCE_OPERATION_RATE_EXCEEDED"
    ),
    failures.QUOTA: "quotaExceeded QUOTA_EXCEEDED limitExceeded LIMIT_EXCEEDED",
    failures.CAPACITY: (
        "ZONE_RESOURCE_POOL_EXHAUSTED ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS STOCKOUT "
        "RESOURCE_POOL_EXHAUSTED IP_SPACE_EXHAUSTED VM_MIN_COUNT_NOT_REACHED"
    ),
    failures.EXISTS: "alreadyExists RESOURCE_ALREADY_EXISTS ALREADY_EXISTS",
    failures.STATE: (
        "resourceInUseByAnotherResource RESOURCE_IN_USE_BY_ANOTHER_RESOURCE resourceNotReady "
        "RESOURCE_NOT_READY fingerprintMismatch"
    ),
    failures.CREDENTIALS: (
        "authError invalid_grant invalid_client unauthorized_client UNAUTHENTICATED "
        "ACCESS_TOKEN_EXPIRED CREDENTIALS_MISSING"
    ),
    failures.NOT_ALLOWED: (
        "accessNotConfigured insufficientPermissions PERMISSION_DENIED PERMISSIONS_ERROR "
        "SERVICE_DISABLED IAM_PERMISSION_DENIED ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    ),
    failures.DOWN: "backendError internalError INTERNAL_ERROR",
}

_AZURE: Final[dict[Meaning, str]] = {
    failures.CAPACITY: (
        "SkuNotAvailable AllocationFailed ZonalAllocationFailed SubnetIsFull "
        "OverconstrainedAllocationRequest OverconstrainedZonalAllocationRequest "
        "NotAvailableForSubscription"
    ),
    failures.QUOTA: (
        "QuotaExceeded PublicIPCountLimitReached ResourceCountExceedsLimitDueToTemplate "
        "SubscriptionResourceGroupLimitReached"
    ),
    failures.SLOWER: (
        "TooManyRequests SubscriptionRequestsThrottled ResourceRequestsThrottled "
        "OperationLimitExceeded"
    ),
    failures.NO_IMAGE: "ImageNotFound PlatformImageNotFound GalleryImageNotFound",
    failures.WRONG_SIZE: "VMSizeNotSupported InvalidVMSize",
    # A start asks Azure with If-None-Match to change no existing VM.
    failures.EXISTS: "PreconditionFailed",
    failures.NO_GROUP: "ResourceGroupNotFound",
    failures.STATE: (
        "PropertyChangeNotAllowed AnotherOperationInProgress RetryableError "
        "ResourceGroupBeingDeleted CanceledAndSupersededDueToAnotherOperation"
    ),
    failures.CREDENTIALS: (
        "InvalidAuthenticationToken InvalidAuthenticationTokenTenant ExpiredAuthenticationToken "
        "AuthenticationFailed InvalidAuthenticationTokenAudience"
    ),
    failures.NOT_ALLOWED: (
        "AuthorizationFailed LinkedAuthorizationFailed AuthorizationPermissionMismatch"
    ),
    failures.INVALID: "RequestDisallowedByPolicy DisallowedOperation",
}

_OPENSTACK: Final[dict[Meaning, str]] = {
    failures.QUOTA: "OverQuota QuotaExceeded",
    failures.CAPACITY: (
        "IpAddressGenerationFailure IpAddressGenerationFailureAllSubnets NoNetworkAvailable "
        "ExternalIpAddressExhausted NoMoreIps SubnetPoolExhausted"
    ),
    failures.NOT_ALLOWED: "PolicyNotAuthorized NotAuthorized",
    failures.STATE: "IpAddressInUse MacAddressInUse PortInUse NetworkInUse SubnetInUse",
}

_OTHERS: Final[dict[Meaning, str]] = {
    # CloudStack: the account's limit, a failed allocation; no host that fits; not there now.
    failures.QUOTA: "532 535 TooManyResources",
    failures.CAPACITY: "533 out_of_stock OperationDenied.NoStock ZoneNotOnSale",
    failures.DOWN: "534",
    failures.STATE: (
        "536 transient_state precondition_failed resource_locked concurrency BUSY_ENTITY "
        "ToolsUnavailable VmToolsUpgradeFault"
    ),
    failures.NOT_ALLOWED: "531 permissions_denied permission NOT_GRANTED_CALL",
    failures.CREDENTIALS: (
        "denied_authentication INVALID_SIGNATURE INVALID_CREDENTIAL NOT_CREDENTIAL "
        "AUTHENTICATION_FAILED"
    ),
    failures.EXISTS: "DUPLICATE_NAME NAME_NOT_UNIQUE RESOURCE_NAME_NOT_UNIQUE AlreadyExists",
    # Scaleway, vCloud: too many operations at the same time.
    failures.SLOWER: "too_many_requests OPERATION_LIMITS_EXCEEDED Throttling.User Throttling.Api",
}

BY_CODE: Final[dict[str, Meaning]] = {
    code: meaning
    for table in (_AMAZON, _GOOGLE, _AZURE, _OPENSTACK, _OTHERS)
    for meaning, words in table.items()
    for code in words.split()
}
"""Codes whose meaning is known."""

_WRONG: Final = (
    r"\b(?:invalid|illegal|malformed|missing|unsupported|not (?:supported|valid|exist))\b"
)
_ABSENT: Final = r"\b(?:not (?:found|exist)|does not exist)\b"

_WORDS: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (
        failures.SLOWER,
        (
            r"throttl",
            r"\brate (?:limit|exceeded)",
            r"too many (?:requests|calls)",
            r"request limit",
            r"slow down",
        ),
    ),
    (
        failures.QUOTA,
        (
            r"\bquota",
            r"\blimits? (?:exceed|reach)",
            r"exceeds? (?:the )?limit",
            r"insufficient (?:funds?|credits?|balance)",
            r"not enough balance",
            r"arrearage",
        ),
    ),
    (
        failures.CAPACITY,
        (
            r"stock ?out|out of stock|no stock|sold out",
            r"pool exhausted|(?:ip )?not enough\b",
            r"(?:insufficient|no|not enough)\b.*\b(?:capacity|resources?|address(?:es)?)",
            r"capacity (?:exceeded|constraint|not available)",
            r"allocation failed",
        ),
    ),
    (failures.NO_IMAGE, (rf"\b(?:image|ami|template)\b.*{_ABSENT}",)),
    (
        failures.BAD_IMAGE,
        (rf"\b(?:image|ami|template)\b.*{_WRONG}", rf"{_WRONG}.*\b(?:image|template)\b"),
    ),
    (failures.NO_KEY, (rf"\b(?:key ?pair|ssh key)\b.*{_ABSENT}",)),
    (failures.BAD_KEY, (rf"{_WRONG}.*\b(?:key ?pair|ssh key)\b",)),
    (
        failures.WRONG_SIZE,
        (
            rf"{_WRONG}.*\b(?:instance|server) type\b",
            rf"\b(?:flavor|plan|size|core (?:number|memory)|memory amount)\b.*{_WRONG}",
        ),
    ),
    (failures.BAD_METADATA, (rf"{_WRONG}.*\b(?:tag|label|metadata)\b",)),
    (
        failures.BAD_NAME,
        (
            rf"{_WRONG}.*\b(?:instance|server|vm|host) ?name\b",
            rf"{_WRONG} name\b",
            rf"\b(?:host ?name|server title)\b.*{_WRONG}",
        ),
    ),
    (failures.NO_NODE, (rf"\b(?:instance|server)(?: id)?\b.*{_ABSENT}",)),
    (failures.EXISTS, (r"already exists|name not unique|duplicate name",)),
    (
        failures.STATE,
        (
            r"\b(?:incorrect|invalid|illegal|wrong|transient|unexpected)\b.*\b(?:state|status)\b",
            r"\bstate (?:illegal|invalid)",
            r"\b(?:in use|locked|busy|not ready|in progress)\b",
        ),
    ),
    (failures.INVALID, (r"^operation denied\b",)),
    (
        failures.CREDENTIALS,
        (
            r"\bauth\w* fail|authentication (?:error|failed)|unauthenticated|\bsignature\b",
            r"\b(?:invalid|expired|denied) (?:authentication|token|client|grant|credentials?)",
            r"\binvalid access key",
        ),
    ),
    (
        failures.NOT_ALLOWED,
        (
            r"\bunauthorized \w|not authorized|access denied|permissions? denied",
            r"insufficient permissions?|\bnot granted|\bno permission",
        ),
    ),
    (failures.DOWN, (r"service unavailable|backend error",)),
)
_BY_WORDS: Final = tuple((Pattern("|".join(some)), meaning) for meaning, some in _WORDS)
"""The meanings of a code's words, such as ``invalid instance type value not supported``, from the
specific to the general.
"""

_WORD: Final = Pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_IS_REFUSAL: Final = Pattern(r"(?:invalid|unsupported|bad|missing|not supported|field)\b")
_ORIGIN: Final = Pattern(r"(?:Client|Server)[.:]+(?=\w)")
"""The side that is at fault: older EC2-compatible clouds, and OVH, put it before a code."""


def meaning_of(codes: Iterable[str]) -> Meaning | None:
    """Return the meaning of the first of these codes that has a known one."""
    named = [_ORIGIN.sub("", code) for code in codes]
    exact = (BY_CODE[code] for code in named if code in BY_CODE)
    by_words = (meaning for code in named if (meaning := _of_words(code)) is not None)
    return next(exact, None) or next(by_words, None)


def is_refusal(codes: Iterable[str]) -> bool:
    """Return whether a code says that the request is wrong, without naming the wrong part."""
    return any(_IS_REFUSAL.match(_words(code)) for code in codes)


@lru_cache(maxsize=512)
def _of_words(code: str) -> Meaning | None:
    words = _words(code)
    return next((meaning for pattern, meaning in _BY_WORDS if pattern.search(words)), None)


def _words(code: str) -> str:
    return " ".join(_WORD.findall(code)).lower()
