"""Refusals of OpenStack.

Sources of the words: ``nova/exception.py`` and ``nova/api/validation``,
``neutron_lib/exceptions``, ``keystone/exception.py``.
"""
# ruff: noqa: E501 - a table: a provider's words stay on one line

from __future__ import annotations

from typing import Any

from refusals.case import Case


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
