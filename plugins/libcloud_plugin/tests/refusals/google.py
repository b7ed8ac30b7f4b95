"""Refusals of Google, in the words of the error pages of Compute Engine."""
# ruff: noqa: E501 - a table: a provider's words stay on one line

from __future__ import annotations

from typing import Any

from refusals.case import Case


def _google(status: int, reason: str, message: str) -> Any:
    error = {"errors": [{"domain": "usageLimits", "reason": reason, "message": message}]}
    return {"error": {**error, "code": status, "message": message}}


def _operation(code: str, message: str) -> Any:
    return {"kind": "compute#operation", "error": {"errors": [{"code": code, "message": message}]}}


_POOL = "The zone 'projects/p/zones/z-b' does not have enough resources available to fulfill it."
_GROUP = (
    "Quota exceeded for quota group 'ReadGroup' and limit 'Read requests per user per 100 seconds'"
)

GOOGLE = [
    Case("gce", status, body, code, parts, field)
    for status, body, code, parts, field in (
        (403, _google(403, "rateLimitExceeded", "Rate Limit Exceeded"), "rate_limited",
         ("Rate Limit Exceeded (rateLimitExceeded)",), None),
        (403, _google(403, "rateLimitExceeded", _GROUP), "rate_limited", (_GROUP,), None),
        (403, _google(403, "userRateLimitExceeded", "User Rate Limit Exceeded"), "rate_limited", (),
         None),
        (429, _google(429, "rateLimitExceeded", "Quota exceeded for quota metric 'Queries'"),
         "rate_limited", (), None),
        (403, _google(403, "quotaExceeded", "Quota 'CPUS' exceeded. Limit: 8.0"), "quota_exceeded",
         ("Quota 'CPUS' exceeded. Limit: 8.0 (quotaExceeded)",), None),
        (403, _google(403, "forbidden", "Required 'compute.instances.create' permission for "
         "'projects/p'"), "credentials_refused", ("'compute.instances.create'",), None),
        (403, _google(403, "accessNotConfigured", "Compute Engine API has not been used"),
         "credentials_refused", ("(accessNotConfigured)",), None),
        (409, _google(409, "alreadyExists", "The resource 'projects/p/x' already exists"),
         "conflict", ("already exists (alreadyExists)",), None),
        (400, _google(400, "invalid", "Invalid value for field 'resource.name': 'A_B'. Must be a "
         "match of regex '[a-z]+'"), "invalid_parameter", ("'resource.name'",), "name"),
        (400, _google(400, "invalid", "Invalid value for field 'resource.labels': ''. Too long"),
         "invalid_parameter", (), "tags"),
        (404, _google(404, "notFound", "The resource 'projects/p/regions/europe-west1/subnetworks/"
         "lab' was not found"), "invalid_parameter", (), "networks"),
        (404, _google(404, "notFound", "The resource 'projects/p/zones/europe-west1-x' was not "
         "found"), "invalid_parameter", (), "location"),
        (404, _google(404, "notFound", "The resource 'projects/p/zones/z/diskTypes/fast' was not "
         "found"), "invalid_parameter", (), "root_disk"),
        (404, _google(404, "notFound", "The resource 'projects/p/zones/z/disks/data' was not "
         "found"), "invalid_parameter", (), "volumes"),
        (404, _google(404, "notFound", "The resource 'projects/p/global/images/d' was not found"),
         "image_not_found", (), None),
        (404, _google(404, "notFound", "The resource 'projects/p/zones/z/machineTypes/e9' was not "
         "found"), "size_not_found", (), None),
        (400, _google(400, "invalid", "Invalid value for field 'resource.disks[0].initializeParams."
         "sourceImage': 'x'. The referenced image resource cannot be found."), "invalid_parameter",
         (), "image"),
        (412, _google(412, "conditionNotMet", "Constraint constraints/compute.vmExternalIpAccess "
         "violated for project 1."), "refused", (), None),
        (401, _google(401, "authError", "Invalid Credentials"), "credentials_refused",
         ("refused the credentials",), None),
        (200, _operation("INVALID_USAGE", "Requested boot disk architecture is not compatible."),
         "refused", ("not compatible. (INVALID_USAGE)",), None),
        (200, _operation("INTERNAL_ERROR", "Internal error."), "cloud_unreachable", (), None),
        (503, _google(503, "backendError", "Backend Error"), "cloud_unreachable", (), None),
        (200, _operation("ZONE_RESOURCE_POOL_EXHAUSTED", _POOL), "quota_exceeded",
         ("has no capacity", _POOL, "(ZONE_RESOURCE_POOL_EXHAUSTED)"), None),
        (200, _operation("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", "A VM is unavailable"),
         "quota_exceeded", ("has no capacity",), None),
        (200, _operation("STOCKOUT", "stockout"), "quota_exceeded", (), None),
        (200, _operation("REGION_RESOURCE_POOL_EXHAUSTED", "none left"), "quota_exceeded", (), None),
        (200, _operation("QUOTA_EXCEEDED", "Quota 'CPUS' exceeded."), "quota_exceeded",
         ("has no quota",), None),
        (200, _operation("RESOURCE_OPERATION_RATE_EXCEEDED", "Operation rate exceeded"),
         "rate_limited", (), None),
        (200, _operation("IP_SPACE_EXHAUSTED", "IP space of 'projects/p/s' is exhausted."),
         "quota_exceeded", ("has no capacity",), None),
        (200, _operation("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "The disk is in use"), "conflict",
         (), None),
    )
]  # fmt: skip
