"""Errors of providers, in the words of their own sources and pages, and their meaning.

Sources of the words: ``nova/exception.py`` and ``nova/api/validation``,
``neutron_lib/exceptions``, ``keystone/exception.py``; the error pages of Amazon EC2, Compute
Engine, Azure, Alibaba ECS and OUTSCALE; the API pages of the others.
"""
# ruff: noqa: E501, ISC004 - a table: a provider's words stay on one line

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One refusal.

    Attributes:
        provider: of Libcloud.
        status: of the answer.
        body: of the answer: text as it is, anything else as JSON.
        code: our ``error_code``.
        parts: texts that the message must contain.
        field: our parameter that the error names.
        reads: whether a read is refused instead of a start.
    """

    provider: str
    status: int
    body: Any
    code: str
    parts: tuple[str, ...] = ()
    field: str | None = None
    reads: bool = False

    def __str__(self) -> str:
        words = self.parts[0] if self.parts else self.code
        return f"{self.provider}-{self.status}-{words[:40]}"

    @property
    def raw(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


def _nova(kind: str, status: int, message: str) -> Any:
    return {kind: {"code": status, "message": message}}


def _neutron(kind: str, message: str) -> Any:
    return {"NeutronError": {"type": kind, "message": message, "detail": ""}}


def _os(
    kind: str, status: int, message: str, code: str, field: str | None = None, **more: Any
) -> Case:
    return Case(
        "openstack",
        status,
        _nova(kind, status, message),
        code,
        (message, f"({kind})"),
        field,
        **more,
    )


_INPUT = "Invalid input for field/attribute "

OPENSTACK = [
    _os("forbidden", 403, "Maximum number of ports exceeded", "quota_exceeded"),
    _os("forbidden", 403, "Quota exceeded for cores, ram: Requested 4, 8192, but already used 18, "
        "40960 of 20, 51200 cores, ram", "quota_exceeded"),
    _os("forbidden", 403, "Quota exceeded, too many servers in group", "quota_exceeded"),
    _os("forbidden", 403, "Maximum number of fixed IPs exceeded", "quota_exceeded"),
    _os("forbidden", 403, "Personality file limit exceeded", "quota_exceeded"),
    _os("forbidden", 403, "Maximum number of metadata items exceeds 128", "invalid_parameter",
        "metadata"),
    _os("forbidden", 403, "Only volume-backed servers are allowed for flavors with zero disk.",
        "invalid_parameter", "size"),
    _os("forbidden", 403, "Policy doesn't allow os_compute_api:servers:create to be performed.",
        "credentials_refused"),
    _os("forbidden", 403, "It is not allowed to create an interface on external network 5f3c",
        "credentials_refused"),
    _os("forbidden", 403, "Hypervisors of this aggregate take no more guests of this project",
        "refused"),
    _os("forbidden", 403, "Hypervisors of this aggregate take no more guests of this project",
        "credentials_refused", reads=True),
    _os("badRequest", 400, _INPUT + "name. Value: " + "n" * 40 + ". '" + "n" * 40 + "' is too long",
        "invalid_parameter", "name"),
    _os("badRequest", 400, _INPUT + "name. Value: quota exceeded. 'quota exceeded' is too long",
        "invalid_parameter", "name"),
    _os("badRequest", 400, _INPUT + "colour. Value: rrr. 'rrr' is too long", "invalid_parameter",
        "metadata"),
    _os("badRequest", 400, _INPUT + "metadata. Value: {'a/b': 'x'}. Additional properties are not "
        "allowed ('a/b' was unexpected)", "invalid_parameter", "metadata"),
    _os("badRequest", 400, _INPUT + "imageRef. Value: deb. 'deb' is not a 'uuid'",
        "invalid_parameter", "image"),
    _os("badRequest", 400, _INPUT + "key_name. Value: . '' is too short", "invalid_parameter",
        "keyname"),
    _os("badRequest", 400, _INPUT + "networks. Value: x. 'x' is not of type 'array'",
        "invalid_parameter", "networks"),
    _os("badRequest", 400, "An invalid 'name' value was provided. The name must be: printable "
        "characters. Can not start or end with whitespace.", "invalid_parameter", "name"),
    _os("badRequest", 400, "Invalid key_name provided.", "invalid_parameter", "keyname"),
    _os("badRequest", 400, "Can not find requested image", "image_not_found"),
    _os("badRequest", 400, "Invalid imageRef provided.", "invalid_parameter", "image"),
    _os("badRequest", 400, "Image 5f3c is not active.", "invalid_parameter", "image"),
    _os("badRequest", 400, "Flavor m9 could not be found.", "size_not_found"),
    _os("badRequest", 400, "Flavor's memory is too small for requested image.", "invalid_parameter",
        "size"),
    _os("badRequest", 400, "Flavor's disk is too small for requested image. Flavor disk is 1073741824 "
        "bytes, image is 2147483648 bytes.", "invalid_parameter", "size"),
    _os("badRequest", 400, "Flavor's disk is smaller than the minimum size specified in image "
        "metadata. Flavor disk is 1073741824 bytes, minimum size is 2147483648 bytes.",
        "invalid_parameter", "size"),
    _os("badRequest", 400, "Image vCPU topology limits (sockets=9, cores=1, threads=1) exceeds the "
        "limits of the flavor (sockets=1, cores=1, threads=1)", "invalid_parameter", "size"),
    _os("badRequest", 400, "Volume is smaller than the minimum size specified in image metadata. "
        "Volume size is 1073741824 bytes, minimum size is 2147483648 bytes.", "invalid_parameter",
        "root_disk"),
    _os("badRequest", 400, "Block Device 5f3c is not bootable.", "invalid_parameter", "root_disk"),
    _os("badRequest", 400, "Volume 5f3c could not be found.", "invalid_parameter", "volumes"),
    _os("badRequest", 400, "Invalid volume: volume '5f3c' status must be 'available'. Currently in "
        "'in-use'", "invalid_parameter", "volumes"),
    _os("badRequest", 400, "The availability zone between the server and its attached volumes do not "
        "match: Server and volumes are not in the same availability zone.", "invalid_parameter",
        "location"),
    _os("badRequest", 400, "Image 5f3c is unacceptable: no kernel", "invalid_parameter", "image"),
    _os("badRequest", 400, "Not authorized for image 5f3c.", "invalid_parameter", "image"),
    _os("badRequest", 400, "Network 5f3c requires a subnet in order to boot instances on.",
        "invalid_parameter", "networks"),
    _os("conflictingRequest", 409, "More than one possible network found. Specify network ID(s) to "
        "select which one(s) to connect to.", "invalid_parameter", "networks"),
    _os("badRequest", 400, "Unable to find security_group with name or id 'web'",
        "invalid_parameter", "firewalls"),
    _os("conflictingRequest", 409, "Multiple security_group matches found for name 'web', use an ID to "
        "be more specific.", "invalid_parameter", "firewalls"),
    _os("badRequest", 400, "Instance group 5f3c could not be found.", "invalid_parameter", "options"),
    _os("badRequest", 400, "Compute host 5f3c could not be found.", "invalid_parameter", "options"),
    _os("badRequest", 400, _INPUT + "group. Value: x. 'x' is not a 'uuid'", "invalid_parameter",
        "options"),
    _os("badRequest", 400, _INPUT + "different_host. Value: x. 'x' is not valid under any of the given "
        "schemas", "invalid_parameter", "options"),
    _os("badRequest", 400, _INPUT + "OS-DCF:diskConfig. Value: x. 'x' is not one of ['AUTO', 'MANUAL']",
        "invalid_parameter", "options"),
    _os("forbidden", 403, "Personality file path exceeds maximum 255", "invalid_parameter", "options"),
    _os("badRequest", 400, "Security group web not found for project 5f3c.",
        "invalid_parameter", "firewalls"),
    _os("badRequest", 400, _INPUT + "server. Value: {'name': 'web'}. 'networks' is a required "
        "property", "invalid_parameter", "networks"),
    _os("conflictingRequest", 409, "Multiple possible networks found, use a Network ID to be more "
        "specific.", "invalid_parameter", "networks"),
    _os("badRequest", 400, "Metadata property key greater than 255 characters", "invalid_parameter",
        "metadata"),
    _os("badRequest", 400, "Server name is longer than 255 characters.", "invalid_parameter", "name"),
    _os("badRequest", 400, "The requested availability zone is not available",
        "invalid_parameter", "location"),
    _os("overLimit", 413, "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds "
        "allowed gigabytes quota. Requested 10G, quota is 5G.", "quota_exceeded"),
    _os("conflictingRequest", 409, "Port 5f3c is still in use.", "refused"),
    _os("conflictingRequest", 409, "Cannot 'stop' instance 5f3c while it is in vm_state stopped",
        "conflict", reads=True),
    _os("conflictingRequest", 409, "Instance 5f3c is locked", "conflict", reads=True),
    _os("overLimit", 413, "Quota exceeded for instances: Requested 1, but already used 10 of 10",
        "quota_exceeded"),
    _os("overLimit", 429, "This request was rate-limited.", "rate_limited"),
    _os("overLimit", 413, "This request was rate-limited.", "rate_limited"),
    _os("computeFault", 500, "No valid host was found. There are not enough hosts available.",
        "quota_exceeded"),
    _os("computeFault", 500, "Unexpected API Error.", "cloud_error"),
    Case("openstack", 409, _neutron("OverQuota", "Quota exceeded for resources: ['port']."),
         "quota_exceeded", ("Quota exceeded for resources: ['port']. (OverQuota)",)),
    Case("openstack", 409, _neutron("IpAddressGenerationFailure",
         "No more IP addresses available on network 5f3c."), "quota_exceeded",
         ("has no capacity", "(IpAddressGenerationFailure)")),
    Case("openstack", 404, _neutron("NetworkNotFound", "Network 5f3c could not be found."),
         "invalid_parameter", ("Network 5f3c could not be found. (NetworkNotFound)",), "networks"),
    Case("openstack", 403, _neutron("PolicyNotAuthorized", "rule:create_port is disallowed by policy"),
         "credentials_refused", ("disallowed by policy (PolicyNotAuthorized)",)),
    Case("openstack", 403, {"error": {"code": 403, "title": "Forbidden", "message": "You are not "
         "authorized to perform the requested action: identity:list_users."}}, "credentials_refused",
         ("identity:list_users. (Forbidden)",)),
    Case("openstack", 400, {"errors": [{"status": 400, "title": "Bad Request", "code":
         "placement.undefined_code", "detail": "Invalid resource class"}]}, "refused",
         ("Invalid resource class", "(placement.undefined_code)")),
    Case("openstack", 403, "<html>\n <head>\n  <title>403 Forbidden</title>\n </head>\n <body>\n  <h1>403 "
         "Forbidden</h1>\n  Image storage quota exceeded for &quot;x&quot;<br /><br />\n\n </body>\n</html>",
         "quota_exceeded", ('Image storage quota exceeded for "x" (HTTP 403)',)),
    Case("openstack", 403, "<html><head><title>403 Forbidden</title></head><body><center><h1>403 "
         "Forbidden</h1></center><hr><center>proxy: quota</center></body></html>",
         "credentials_refused", ("does not allow this",)),
    Case("openstack", 403, "<html><body>403 Quota exceeded by 10.0.0.7</body></html>",
         "credentials_refused", ("does not allow this",)),
]  # fmt: skip


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


def _ec2(code: str, message: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error>'
        f"<Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        "<RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>"
    )


AMAZON = [
    Case("ec2", status, _ec2(kind, message), code, (message, f"({kind})"), field)
    for status, kind, message, code, field in (
        (400, "InstanceLimitExceeded", "You have requested more instances (1) than your limit",
         "quota_exceeded", None),
        (400, "VcpuLimitExceeded", "You have requested more vCPU capacity than your current vCPU "
         "limit of 32", "quota_exceeded", None),
        (500, "InsufficientInstanceCapacity", "We currently do not have sufficient p4d.24xlarge "
         "capacity", "quota_exceeded", None),
        (503, "RequestLimitExceeded", "Request limit exceeded.", "rate_limited", None),
        (400, "InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist", "image_not_found",
         None),
        (400, "InvalidParameterValue", "Invalid value 'x9' for InstanceType.", "size_not_found", None),
        (400, "InvalidKeyPair.NotFound", "The key pair 'k' does not exist", "invalid_parameter",
         "keyname"),
        (400, "TagLimitExceeded", "The maximum number of Tags for a resource has been reached.",
         "invalid_parameter", "metadata"),
        (400, "Unsupported", "Your requested instance type (t1.micro) is not supported in your "
         "requested Availability Zone", "invalid_parameter", "size"),
        (400, "InsufficientFreeAddressesInSubnet", "There are not enough free addresses in subnet",
         "quota_exceeded", None),
        (400, "InvalidGroup.NotFound", "The security group 'web' does not exist",
         "invalid_parameter", "firewalls"),
        (400, "MissingInput", "No subnets found for the default VPC 'vpc-1'. Please specify a subnet.",
         "invalid_parameter", "networks"),
        (400, "InvalidSubnetID.NotFound", "The subnet ID 'subnet-1' does not exist",
         "invalid_parameter", "networks"),
        (400, "VPCIdNotSpecified", "No default VPC for this user", "invalid_parameter", "networks"),
        (400, "InvalidBlockDeviceMapping", "Volume of size 5GB is smaller than snapshot 'snap-1', "
         "expect size >= 8GB", "invalid_parameter", "root_disk"),
        (400, "SpotMaxPriceTooLow", "Your Spot request price of 0.001 is lower than the minimum "
         "required Spot request fulfillment price of 0.0031.", "invalid_parameter", "spot"),
        (400, "InvalidParameterValue", "User data is limited to 16384 bytes", "invalid_parameter",
         "user_data"),
        (400, "InvalidParameterValue", "Invalid availability zone: [eu-west-1x]",
         "invalid_parameter", "location"),
        (403, "UnauthorizedOperation", "You are not authorized to perform this operation.",
         "credentials_refused", None),
        (401, "AuthFailure", "AWS was not able to validate the provided access credentials",
         "credentials_refused", None),
    )
]  # fmt: skip


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

OTHERS = [
    Case("digitalocean", 422, {"id": "unprocessable_entity", "message": "creating this/these "
         "droplet(s) will exceed your droplet limit"}, "quota_exceeded",
         ("will exceed your droplet limit (unprocessable_entity)",)),
    Case("digitalocean", 422, {"id": "unprocessable_entity", "message": "Only valid hostname "
         "characters are allowed. (a-z, A-Z, 0-9, . and -)"}, "invalid_parameter", (), "name"),
    Case("digitalocean", 422, {"id": "unprocessable_entity", "message": "You specified an invalid "
         "image for Droplet creation."}, "invalid_parameter", ("an invalid image",), "image"),
    Case("digitalocean", 429, {"id": "too_many_requests", "message": "API Rate limit exceeded."},
         "rate_limited"),
    Case("digitalocean", 403, {"id": "forbidden", "message": "You are not authorized to perform "
         "this operation"}, "credentials_refused"),
    Case("linode", 400, {"errors": [{"reason": "Label must be unique among your linodes",
         "field": "label"}]}, "invalid_parameter", ("Label must be unique", "(HTTP 400)"), "name"),
    Case("linode", 400, {"errors": [{"reason": "A valid plan type by that ID was not found",
         "field": "type"}]}, "invalid_parameter", (), "size"),
    Case("linode", 400, {"errors": [{"reason": "You've reached a limit for the number of active "
         "services on your account."}]}, "quota_exceeded"),
    Case("linode", 403, {"errors": [{"reason": "Account limit reached. Please open a support "
         "ticket."}]}, "quota_exceeded"),
    Case("linode", 403, {"errors": [{"reason": "Unauthorized"}]}, "credentials_refused"),
    Case("vultr", 400, {"error": "Invalid plan.", "status": 400}, "invalid_parameter", ("Invalid plan.",), "size"),
    Case("vultr", 400, {"error": "Invalid region.", "status": 400}, "refused", ("Invalid region.",)),
    Case("vultr", 403, {"error": "Server add failed: You have reached the maximum monthly fee limit",
         "status": 403}, "quota_exceeded"),
    Case("scaleway", 403, {"type": "quotas_exceeded", "message": "quota exceeded", "details":
         [{"resource": "cp_servers_type_DEV1_S", "quota": 2, "current": 2}]}, "quota_exceeded",
         ("(quotas_exceeded)",)),
    Case("scaleway", 503, {"type": "out_of_stock", "message": "resource is out of stock"},
         "quota_exceeded", ("has no capacity",)),
    Case("scaleway", 400, {"type": "invalid_arguments", "message": "invalid argument(s)", "details":
         [{"argument_name": "name", "reason": "constraint", "help_message": "is too long"}]},
         "invalid_parameter", ("is too long",), "name"),
    Case("scaleway", 400, {"type": "invalid_request_error", "message": "Validation Error", "fields":
         {"commercial_type": ["invalid commercial type"]}}, "invalid_parameter", (), "size"),
    Case("scaleway", 403, {"type": "permissions_denied", "message": "insufficient permissions"},
         "credentials_refused"),
    Case("scaleway", 409, {"type": "transient_state", "message": "resource is in a transient state"},
         "conflict"),
    Case("upcloud", 409, {"error": {"error_code": "SERVER_STATE_ILLEGAL", "error_message": "The "
         "operation is not allowed while the server is in state 'maintenance'."}}, "conflict",
         ("(SERVER_STATE_ILLEGAL)",)),
    Case("upcloud", 400, {"error": {"error_code": "HOSTNAME_INVALID", "error_message": "The attribute "
         "hostname is invalid."}}, "invalid_parameter", (), "name"),
    Case("upcloud", 402, {"error": {"error_code": "INSUFFICIENT_CREDITS", "error_message": "There "
         "are not enough credits on the account."}}, "quota_exceeded"),
    Case("upcloud", 403, {"error": {"error_code": "SERVER_LIMIT_REACHED", "error_message": "Limit"}},
         "quota_exceeded"),
    Case("ovh", 403, {"errorCode": "NOT_GRANTED_CALL", "httpCode": "403 Forbidden", "message": "This "
         "call has not been granted"}, "credentials_refused", ("(NOT_GRANTED_CALL)",)),
    Case("ovh", 400, {"class": "Client::BadRequest", "message": "[networks] The flavor is not in the "
         "region"}, "refused", ("(Client::BadRequest)",)),
    Case("ovh", 412, {"class": "Client::PreconditionFailed::QuotaExceeded", "message": "Quota of "
         "instances exceeded"}, "quota_exceeded"),
    *(
        Case(provider, status, {"deployvirtualmachineresponse": {"uuidList": [], "errorcode": status,
             "cserrorcode": 4350, "errortext": text}}, code, parts, field)
        for provider in ("cloudstack", "exoscale")
        for status, text, code, parts, field in (
            (535, "Maximum number of resources of type 'user_vm' for account has been exceeded",
             "quota_exceeded", ("has no quota", "(535)"), None),
            (533, "Unable to create a deployment for VM", "quota_exceeded", ("has no capacity",),
             None),
            (431, "Unable to execute API command deployvirtualmachine due to invalid value. Invalid "
             "parameter serviceofferingid value=9 due to incorrect long value format",
             "invalid_parameter", (), "size"),
            (431, "This disk offering requires a custom size specified", "refused", (), None),
            (531, "Acct does not have permission to operate with resource", "credentials_refused",
             (), None),
        )
    ),
    Case("aliyun_ecs", 403, "<Error><RequestId>R</RequestId><HostId>ecs.aliyuncs.com</HostId><Code>"
         "QuotaExceed.ElasticQuota</Code><Message>The number of vCPUs has exceeded the quota in the "
         "zone.</Message></Error>", "quota_exceeded", ("(QuotaExceed.ElasticQuota)",)),
    Case("aliyun_ecs", 403, "<Error><Code>OperationDenied.NoStock</Code><Message>The requested "
         "resource is sold out in the specified zone</Message></Error>", "quota_exceeded",
         ("has no capacity",)),
    Case("aliyun_ecs", 403, "<Error><Code>OperationDenied.ZoneNotAllowed</Code><Message>The creation "
         "of Instance to the specified Zone is not allowed.</Message></Error>", "refused"),
    Case("aliyun_ecs", 400, "<Error><Code>InvalidAccountStatus.NotEnoughBalance</Code><Message>Your "
         "account does not have enough balance.</Message></Error>", "quota_exceeded"),
    Case("aliyun_ecs", 400, "<Error><Code>Throttling.User</Code><Message>Request was denied due to "
         "user flow control.</Message></Error>", "rate_limited"),
    Case("aliyun_ecs", 403, "<Error><Code>InvalidInstanceType.ValueNotSupported</Code><Message>The "
         "specified InstanceType is not supported.</Message></Error>", "invalid_parameter", (), "size"),
    Case("aliyun_ecs", 404, "<Error><Code>InvalidImageId.NotFound</Code><Message>The specified "
         "ImageId does not exist.</Message></Error>", "image_not_found"),
    Case("aliyun_ecs", 404, "<Error><Code>InvalidAccessKeyId.NotFound</Code><Message>Specified "
         "access key is not found.</Message></Error>", "credentials_refused"),
    Case("outscale", 400, {"Errors": [{"Code": "10042", "Type": "TooManyResources", "Details": "The "
         "quota of VMs is reached."}]}, "quota_exceeded", ("The quota of VMs is reached.",)),
    Case("outscale", 409, {"Errors": [{"Code": "10001", "Type": "InsufficientCapacity", "Details":
         ""}]}, "quota_exceeded", ("has no capacity",)),
    Case("outscale", 429, {"Errors": [{"Code": "24", "Type": "AccessDenied", "Details": "Request "
         "rate exceeded."}]}, "rate_limited"),
    Case("outscale", 503, {"Errors": [{"Code": "6", "Type": "AccessDenied", "Details": ""}]},
         "cloud_unreachable"),
    Case("gridscale", 400, {"status": "error", "title": "Bad Request", "description": "The name must "
         "be at least 1 character"}, "invalid_parameter", (), "name"),
    Case("gridscale", 403, {"title": "Forbidden", "description": "Project limit of servers reached"},
         "quota_exceeded"),
    Case("equinixmetal", 422, {"errors": ["The facility ewr1 has no provisionable c1.small servers "
         "matching your criteria."]}, "quota_exceeded", ("has no capacity",)),
    Case("equinixmetal", 422, {"errors": ["operating_system is invalid"]}, "refused",
         ("operating_system is invalid (HTTP 422)",)),
    Case("nttcis", 400, '<response xmlns="urn:didata.com:api:cloud:types"><operation>DEPLOY_SERVER'
         "</operation><responseCode>NO_IP_ADDRESS_AVAILABLE</responseCode><message>There is no free "
         "address.</message></response>", "quota_exceeded", ("(NO_IP_ADDRESS_AVAILABLE)",)),
    Case("dimensiondata", 400, '<response xmlns="urn:didata.com:api:cloud:types"><responseCode>'
         "RESOURCE_BUSY</responseCode><message>Another operation runs.</message></response>",
         "conflict", ("Another operation runs. (RESOURCE_BUSY)",)),
    Case("cloudsigma", 400, [{"error_point": "name", "error_type": "validation", "error_message":
         "This field is required"}], "invalid_parameter", ("This field is required",), "name"),
    Case("cloudsigma", 403, [{"error_point": None, "error_type": "permission", "error_message":
         "Not permitted"}], "credentials_refused"),
    Case("brightbox", 403, {"error_name": "account_limit_reached", "errors": ["The account limit "
         "for servers has been reached"]}, "quota_exceeded", ("(account_limit_reached)",)),
    Case("kubevirt", 403, {"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
         "message": 'virtualmachines "x" is forbidden: exceeded quota: q, requested: count=1'},
         "quota_exceeded", ("exceeded quota", "(Forbidden)")),
    Case("kubevirt", 403, {"kind": "Status", "reason": "Forbidden", "code": 403, "message": 'User '
         '"u" cannot create resource "virtualmachines"'}, "credentials_refused", reads=True),
    Case("kubevirt", 409, {"kind": "Status", "reason": "AlreadyExists", "code": 409, "message":
         'virtualmachines.kubevirt.io "x" already exists'}, "conflict", ("(AlreadyExists)",)),
    Case("kubevirt", 422, {"kind": "Status", "reason": "Invalid", "code": 422, "message": "invalid",
         "details": {"name": "X_", "causes": [{"reason": "FieldValueInvalid", "field":
         "metadata.name", "message": "must consist of lower case"}]}}, "invalid_parameter",
         ("must consist of lower case",), "name"),
    Case("kamatera", 500, {"message": "Not enough credit on the account"}, "quota_exceeded"),
    Case("cloudscale", 400, {"flavor": ["Invalid flavor slug."]}, "invalid_parameter",
         ("Invalid flavor slug.",), "size"),
    Case("cloudscale", 400, {"detail": "You have reached the limit of servers."}, "quota_exceeded"),
    Case("maxihost", 422, {"message": "Plan is out of stock"}, "quota_exceeded",
         ("has no capacity",)),
    Case("onapp", 422, {"errors": {"label": ["can't be blank here"]}}, "invalid_parameter",
         ("can't be blank here",), "name"),
    Case("onapp", 422, {"errors": {"base": ["You have reached your virtual machine limit"]}},
         "quota_exceeded"),
    Case("vpsnet", 422, {"errors": [["fqdn is wrong", "label too"]]}, "refused", ("fqdn is wrong",)),
    Case("abiquo", 409, "<errors><error><code>LIMIT_EXCEEDED</code><message>The enterprise's limit "
         "is reached</message></error></errors>", "quota_exceeded", ("(LIMIT_EXCEEDED)",)),
    Case("azure", 409, '<Error xmlns="http://schemas.microsoft.com/windowsazure"><Code>ConflictError'
         "</Code><Message>The deployment name is in use</Message></Error>", "refused",
         ("The deployment name is in use (ConflictError)",)),
]  # fmt: skip

VCLOUD = [
    Case("vcloud", 400, f'<Error xmlns="http://www.vmware.com/vcloud/v1.5" minorErrorCode="{code}" '
         f'message="{message}" majorErrorCode="400"/>', meaning, (message, f"({code})"))
    for code, message, meaning in (
        ("OPERATION_LIMITS_EXCEEDED", "The maximum number of simultaneous operations has been "
         "reached.", "rate_limited"),
        ("BUSY_ENTITY", "The entity is busy completing an operation.", "conflict"),
        ("DUPLICATE_NAME", "The name is not unique.", "conflict"),
        ("BAD_REQUEST", "The VM cannot be placed as it is.", "refused"),
    )
]  # fmt: skip

CASES = [*OPENSTACK, *GOOGLE, *AMAZON, *AZURE, *OTHERS, *VCLOUD]
