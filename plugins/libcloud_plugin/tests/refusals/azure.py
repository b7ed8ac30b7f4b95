"""Refusals of Azure, in the words of its error pages."""
# ruff: noqa: E501 - a table: a provider's words stay on one line

from __future__ import annotations

from typing import Any

from refusals.case import Case


def _azure(code: str, message: str, **more: Any) -> Any:
    return {"error": {"code": code, "message": message, **more}}


AZURE = [
    Case("azure_arm", status, body, code, parts, field)
    for status, body, code, parts, field in (
        (409, _azure("OperationNotAllowed", "Operation could not be completed as it results in "
         "exceeding approved Total Regional Cores quota. Current Limit: 4"), "quota_exceeded",
         ("Total Regional Cores quota", "(OperationNotAllowed)"), None),
        (409, _azure("SkuNotAvailable", "The requested size for resource is currently not available "
         "in location 'eastus'"), "quota_exceeded", ("has no capacity",), None),
        (409, _azure("AllocationFailed", "Allocation failed."), "quota_exceeded", (), None),
        (409, _azure("ZonalAllocationFailed", "Allocation failed."), "quota_exceeded", (), None),
        (400, _azure("InvalidTemplateDeployment", "The template deployment failed", details=[
         {"code": "QuotaExceeded", "message": "Family Cores quota of 10"}]), "quota_exceeded",
         ("Family Cores quota of 10",), None),
        (400, _azure("InvalidParameter", "The requested VM size X is not known", target="vmSize"),
         "invalid_parameter", ("VM size X",), "size"),
        (400, _azure("InvalidParameter", "Linux host name must not exceed 64 characters in length",
         target="linuxConfiguration.computerName"), "invalid_parameter", (), "name"),
        (400, _azure("InvalidResourceReference", "Resource /subscriptions/s/resourceGroups/g/"
         "providers/Microsoft.Network/virtualNetworks/lab/subnets/x referenced by resource "
         "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web was "
         "not found."), "invalid_parameter", (), "networks"),
        (400, _azure("InvalidResourceReference", "Resource /subscriptions/s/resourceGroups/g/"
         "providers/Microsoft.Network/networkSecurityGroups/x referenced by resource "
         "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web was "
         "not found."), "invalid_parameter", (), "firewalls"),
        (404, _azure("ResourceGroupNotFound", "Resource group 'x' could not be found."),
         "invalid_parameter", (), "options"),
        (412, _azure("PreconditionFailed", "The condition '*' in the If-None-Match header was not "
         "satisfied."), "conflict", ("already",), None),
        (404, _azure("PlatformImageNotFound", "The platform image 'a:b:c:d' is not available"),
         "image_not_found", (), None),
        (403, _azure("AuthorizationFailed", "The client does not have authorization to perform "
         "action 'Microsoft.Compute/virtualMachines/write'"), "credentials_refused", (), None),
        (403, _azure("RequestDisallowedByPolicy", "Resource 'x' was disallowed by policy."),
         "refused", ("(RequestDisallowedByPolicy)",), None),
        (503, _azure("ServerUnavailable", "ServerUnavailable"), "cloud_unreachable", (), None),
        (500, _azure("ImageNotFound", "A fault"), "cloud_error", ("A fault",), None),
        (429, _azure("OperationNotAllowed", "The server rejected the request because too many "
         "requests have been received for this subscription."), "rate_limited", (), None),
    )
]  # fmt: skip
