"""List protocols of providers that speak XML, two items on a page."""

from __future__ import annotations

import xmlrpc.client

from any_host import Reply, Request
from paged_clouds import Cloud, in_xml


def amazon(cloud: Cloud, request: Request) -> Reply:
    number = int(request.query.get("NextToken", "token-1")[-1])
    after = cloud.after(number)
    token = f"<nextToken>token-{after}</nextToken>" if after else ""
    action = request.query["Action"]
    items = ""
    if action == "DescribeInstances":
        one = "<item><instancesSet><item><instanceId>{}</instanceId></item></instancesSet></item>"
        items = "".join(one.format(name) for name in cloud.page(number))
        items = f"<reservationSet>{items}</reservationSet>{token}"
    elif action == "DescribeImages":
        one = "<item><imageId>{0}</imageId><imageState>available</imageState></item>"
        items = "".join(one.format(name) for name in cloud.page(number))
        items = f"<imagesSet>{items}</imagesSet>{token}"
    namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"
    return in_xml(f'<{action}Response xmlns="{namespace}">{items}</{action}Response>')


def alibaba(cloud: Cloud, request: Request) -> Reply:
    action = request.query["Action"]
    if action == "DescribeInstanceTypes":
        number = int(request.query.get("NextToken", "1"))
        kind = "<InstanceTypeId>{}</InstanceTypeId><CpuCoreCount>1</CpuCoreCount>"
        one = f"<InstanceType>{kind}<MemorySize>1</MemorySize></InstanceType>"
        items = "".join(one.format(name) for name in cloud.page(number))
        tail = f"<NextToken>{cloud.after(number) or ''}</NextToken>"
        return in_xml(f"<Response><InstanceTypes>{items}</InstanceTypes>{tail}</Response>")
    number = int(request.query.get("PageNumber", "1"))
    one = "<Instance><InstanceId>{}</InstanceId><InstanceName>n</InstanceName></Instance>"
    items = "".join(one.format(name) for name in cloud.page(number))
    counts = f"<TotalCount>{cloud.last * 2}</TotalCount><PageSize>2</PageSize>"
    return in_xml(
        f"<Response><PageNumber>{number}</PageNumber>{counts}"
        f"<Instances>{items}</Instances></Response>"
    )


def ntt(cloud: Cloud, request: Request) -> Reply:
    if request.path.endswith("/myaccount"):
        urn = "http://oec.api.opsource.net/schemas/directory"
        return in_xml(f'<Account xmlns="{urn}"><orgId>o</orgId></Account>')
    number = int(request.query.get("pageNumber", "1"))
    one = '<datacenter id="{}"/>' if request.path.endswith("/datacenter") else _NTT_SERVER
    items = "".join(one.format(name) for name in cloud.page(number))
    here = 2 if cloud.after(number) else 1
    counts = f'pageNumber="{number}" pageCount="{here}" pageSize="2"'
    return in_xml(f'<all xmlns="urn:didata.com:api:cloud:types" {counts}>{items}</all>')


_NTT_SERVER = (
    '<server id="{0}"><name>{0}</name><cpu count="1" coresPerSocket="1"/><memoryGb>1</memoryGb>'
    "<guest><operatingSystem/></guest><nic/></server>"
)


def gandi(cloud: Cloud, _: Request) -> Reply:
    items = [{"disk_id": one, "label": one} for one in range(100 if cloud.mode == "full" else 99)]
    return in_xml(xmlrpc.client.dumps((items,), methodresponse=True))


_ABIQUO = "https://abiquo.invalid/api"
_VDC = (
    f'<virtualDatacenter><link rel="location" href="{_ABIQUO}/dc/1"/>'
    f'<link rel="edit" href="{_ABIQUO}/vdc"/><hypervisorType>K</hypervisorType>'
    "</virtualDatacenter>"
)
_REPOSITORY = (
    f'<datacenterRepository><link rel="datacenter" href="{_ABIQUO}/dc/1"/>'
    f'<link rel="virtualmachinetemplates" href="{_ABIQUO}/templates"/>'
    f'<link rel="edit" href="{_ABIQUO}/repository"/></datacenterRepository>'
)
_AROUND = {
    "/api/login": f'<user><link rel="enterprise" href="{_ABIQUO}/enterprise"/></user>',
    "/api/enterprise": "<enterprise><id>1</id></enterprise>",
    "/api/admin/datacenters": "<datacenters/>",
    "/api/admin/enterprises/1/datacenterrepositories/": f"<all>{_REPOSITORY}</all>",
    "/api/cloud/virtualdatacenters": f"<virtualDatacenters>{_VDC}</virtualDatacenters>",
    "/api/vdc": _VDC,
}


def abiquo(cloud: Cloud, request: Request) -> Reply:
    if request.path in _AROUND:
        return in_xml(_AROUND[request.path])
    number = int(request.query.get("startwith", "1"))
    after = cloud.after(number)
    link = f'<link rel="next" href="{_ABIQUO}/templates?startwith={after}"/>' if after else ""
    more = "<totalSize>9</totalSize>" if cloud.mode == "counted" else ""
    one = "<virtualMachineTemplate><id>{0}</id><name>{0}</name></virtualMachineTemplate>"
    items = "".join(one.format(name) for name in cloud.page(number))
    return in_xml(f"<templates>{link}{more}{items}</templates>")
