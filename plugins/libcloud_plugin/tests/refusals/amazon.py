"""Refusals of Amazon and of clouds like it, in the words of the error pages of EC2."""
# ruff: noqa: E501, ISC004 - a table: a provider's words stay on one line

from __future__ import annotations

from refusals.case import Case


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
