"""Refusals of the other providers, in the words of their API pages."""
# ruff: noqa: E501, ISC004 - a table: a provider's words stay on one line

from __future__ import annotations

from refusals.case import Case

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
