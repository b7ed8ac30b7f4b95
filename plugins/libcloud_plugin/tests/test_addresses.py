"""All addresses of a node, public or private as the provider says, otherwise by their kind."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import refused_parts

from orchestrator_core import Deadline
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.nodes.addresses import addresses_of, is_public_address
from orchestrator_libcloud.nodes.convert import to_node
from orchestrator_libcloud.nodes.raw_items import keep_raw_items

Make = Callable[..., LibcloudDriver]


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("8.8.8.8", True),
        ("10.1.2.3", False),
        ("172.31.255.255", False),
        ("172.32.0.1", True),
        ("192.168.0.1", False),
        ("100.64.0.1", False),  # shared by a provider's customers (RFC 6598)
        ("100.128.0.1", True),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("198.18.0.1", False),
        ("198.51.100.7", True),  # Documentation addresses stand for public ones.
        ("203.0.113.9", True),
        ("2001:db8::7", True),
        ("2a00:1450:4001::5", True),
        ("fd00::5", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("no address", False),
    ],
)
def test_the_kind_of_an_address(address: str, is_public: object) -> None:
    assert is_public_address(address) is is_public


def _xml(text: str, namespace: str) -> ET.Element:
    return ET.fromstring(f'<item xmlns="{namespace}">{text}</item>')  # noqa: S314 - our own


_AMAZON = """<instanceId>i-1</instanceId><instanceState><name>running</name></instanceState>
<privateIpAddress>10.0.0.1</privateIpAddress><ipAddress>54.1.2.3</ipAddress>
<networkInterfaceSet><item><privateIpAddress>10.0.0.1</privateIpAddress>
<ipv6AddressesSet><item><ipv6Address>2600:1f16::5</ipv6Address></item>
<item><ipv6Address>fd00:ec2::5</ipv6Address></item></ipv6AddressesSet>
<privateIpAddressesSet><item><privateIpAddress>10.0.0.1</privateIpAddress>
<association><publicIp>54.1.2.3</publicIp></association></item>
<item><privateIpAddress>10.0.0.2</privateIpAddress>
<association><publicIp>54.1.2.4</publicIp></association></item></privateIpAddressesSet></item>
<item><privateIpAddress>10.9.0.1</privateIpAddress></item></networkInterfaceSet>"""

_ALIBABA = """<InstanceId>i-1</InstanceId><InstanceName>n</InstanceName><Status>Running</Status>
<PublicIpAddress><IpAddress>47.1.2.3</IpAddress></PublicIpAddress>
<VpcAttributes><PrivateIpAddress><IpAddress>10.0.0.1</IpAddress></PrivateIpAddress></VpcAttributes>
<NetworkInterfaces><NetworkInterface><PrimaryIpAddress>10.0.0.1</PrimaryIpAddress>
<PrivateIpSets><PrivateIpSet><PrivateIpAddress>10.0.0.2</PrivateIpAddress></PrivateIpSet>
</PrivateIpSets><Ipv6Sets><Ipv6Set><Ipv6Address>2408:4000::1</Ipv6Address></Ipv6Set></Ipv6Sets>
</NetworkInterface></NetworkInterfaces>"""

_SERVER = {
    "id": "1",
    "name": "n",
    "status": "ACTIVE",
    "hostId": "h",
    "tenant_id": "t",
    "metadata": {},
    "links": [{"rel": "self", "href": "x"}],
    "created": "2026-01-02T03:04:05Z",
    "updated": "2026-01-02T03:04:05Z",
}


def _empty(names: str) -> dict[str, None]:
    return dict.fromkeys(names.split())


_VULTR = _empty(
    "region ram disk netmask_v4 gateway_v4 v6_network v6_network_size app_id image_id features tag "
    "os vcpu_count allowed_bandwidth server_status firewall_group_id os_id"
)


def _fixed(address: str, kind: str = "fixed") -> dict[str, str]:
    return {"addr": address, "OS-EXT-IPS:type": kind}


ITEMS: dict[str, tuple[dict[str, Any], Any, list[str], list[str]]] = {
    "ec2": (
        {"secret": "env:S", "region": "eu-west-1"},
        _xml(_AMAZON, "http://ec2.amazonaws.com/doc/2016-11-15/"),
        ["54.1.2.3", "2600:1f16::5", "54.1.2.4"],
        ["10.0.0.1", "fd00:ec2::5", "10.0.0.2", "10.9.0.1"],
    ),
    "aliyun_ecs": (
        {"secret": "env:S", "region": "cn-hangzhou"},
        ET.fromstring(f"<Instance>{_ALIBABA}</Instance>"),  # noqa: S314 - our own
        ["47.1.2.3", "2408:4000::1"],
        ["10.0.0.1", "10.0.0.2"],
    ),
    "openstack": (
        {"secret": "env:S", "arguments": {"ex_force_auth_url": "http://127.0.0.1:9"}},
        {
            **_SERVER,
            "addresses": {
                "public": [_fixed("8.8.8.8"), _fixed("2a00:1450:4001::5"), _fixed("fd00::5")],
                "lan": [_fixed("10.0.0.3"), _fixed("172.24.4.3", "floating")],
                "shared": [_fixed("100.64.0.5")],
            },
        },
        ["8.8.8.8", "2a00:1450:4001::5", "172.24.4.3"],
        ["fd00::5", "10.0.0.3", "100.64.0.5"],
    ),
    "linode": (
        {},
        {
            "id": 1,
            "label": "n",
            "status": "running",
            "type": "t",
            "image": "i",
            "created": "2026-01-02T03:04:05",
            "ipv4": ["198.51.100.7", "192.168.1.2"],
            "ipv6": "2600:3c01::f03c:91ff:fe24:a29e/128",
            **_empty("tags region hypervisor specs alerts backups watchdog_enabled"),
        },
        ["198.51.100.7", "2600:3c01::f03c:91ff:fe24:a29e"],
        ["192.168.1.2"],
    ),
    "vultr": (
        {},
        {
            "id": "1",
            "label": "n",
            "plan": "vc2",
            "date_created": "2026-01-02T03:04:05+00:00",
            "status": "active",
            "power_status": "running",
            "main_ip": "0.0.0.0",  # a VM without an address
            "v6_main_ip": "2001:19f0::1",
            "internal_ip": "10.1.0.3",
            **_VULTR,
        },
        ["2001:19f0::1"],
        ["10.1.0.3"],
    ),
    "scaleway": (
        {"secret": "env:S"},
        {
            "id": "1",
            "name": "n",
            "state": "running",
            "public_ip": {"address": "51.1.2.3"},
            "public_ips": [{"address": "51.1.2.3"}, {"address": "2001:bc8::1"}],
            "ipv6": {"address": "2001:0bc8::1"},
            "private_ip": "10.0.0.1",
            "creation_date": "2026-01-02T03:04:05+00:00",
            **_empty("location volumes tags arch organization"),
        },
        ["51.1.2.3", "2001:bc8::1"],
        ["10.0.0.1"],
    ),
    "cloudstack": (
        {"secret": "env:S", "host": "127.0.0.1", "arguments": {"path": "/client/api"}},
        {
            "id": "1",
            "name": "n",
            "state": "Running",
            "nic": [
                {"ipaddress": "10.0.0.1", "ip6address": "2a00::1"},
                {"secondaryip": [{"ipaddress": "10.0.0.9"}, {"ipaddress": "52.1.2.3"}]},
            ],
        },
        ["2a00::1", "52.1.2.3"],
        ["10.0.0.1", "10.0.0.9"],
    ),
    "brightbox": (
        {"secret": "env:S"},
        {
            "id": "1",
            "name": "n",
            "status": "active",
            "zone": None,
            "interfaces": [{"ipv4_address": "10.0.0.1", "ipv6_address": "2a02:1348::1"}],
            "cloud_ips": [{"public_ip": "109.1.2.3", "public_ipv6": "2a02:1348::9"}],
            "server_type": {"id": "t", "name": "t", "ram": 1, "disk_size": 1},
            "image": {"id": "i", "name": "i"},
        },
        ["109.1.2.3", "2a02:1348::1", "2a02:1348::9"],
        ["10.0.0.1"],
    ),
    "ovh": (
        {"secret": "env:S", "arguments": {"ex_project_id": "p", "ex_consumer_key": "c"}},
        {
            "id": "1",
            "name": "n",
            "status": "ACTIVE",
            "ipAddresses": [
                {"ip": "54.1.2.3", "type": "public"},
                {"ip": "2001:41d0::1", "type": "public"},
                {"ip": "10.0.0.1", "type": "private"},
            ],
        },
        ["54.1.2.3", "2001:41d0::1"],
        ["10.0.0.1"],
    ),
    "outscale": (
        {"secret": "env:S", "region": "eu-west-2"},
        {
            "VmId": "i-1",
            "State": "running",
            "Tags": [],
            "PrivateIp": "10.0.0.1",
            "PublicIp": "171.1.2.3",
            "Nics": [
                {
                    "LinkPublicIp": {"PublicIp": "171.1.2.3"},
                    "PrivateIps": [
                        {"PrivateIpAddress": "10.0.0.1"},
                        {
                            "PrivateIpAddress": "10.0.0.2",
                            "LinkPublicIp": {"PublicIp": "171.1.2.4"},
                        },
                    ],
                }
            ],
        },
        ["171.1.2.3", "171.1.2.4"],
        ["10.0.0.1", "10.0.0.2"],
    ),
    "onapp": (
        {"secret": "env:S", "host": "127.0.0.1"},
        {
            "identifier": "1",
            "label": "n",
            "ip_addresses": [
                {"ip_address": {"address": "8.8.8.8"}},
                {"ip_address": {"address": "2a00::1"}},
                {"ip_address": {"address": "fd00::1"}},
            ],
        },
        ["8.8.8.8", "2a00::1"],
        ["fd00::1"],
    ),
    "cloudsigma": (
        {"secret": "env:S", "region": "zrh"},
        {
            "uuid": "1",
            "name": "n",
            "status": "running",
            "cpu": 2000,
            "mem": 1024,
            "vnc_password": "s3cret-vnc",
            "meta": {},
            "runtime": None,
            "drives": [],
            "nics": [
                {
                    "ip_v4_conf": {"conf": "dhcp", "ip": None},
                    "ip_v6_conf": {"ip": {"uuid": "2a00::1"}},
                    "runtime": {"ip_v4": {"uuid": "31.1.2.3"}, "ip_v6": {"uuid": "2a00::1"}},
                },
                {"ip_v4_conf": None, "ip_v6_conf": None, "runtime": {"ip_v4": None}},
            ],
        },
        ["2a00::1", "31.1.2.3"],
        [],
    ),
    "rimuhosting": (
        {},
        {
            "slug": "1",
            "domain_name": "n",
            "order_oid": 1,
            "billing_info": {},
            "allocated_ips": {"primary_ip": "72.1.2.3", "secondary_ips": ["10.0.0.1", None]},
        },
        ["72.1.2.3"],
        ["10.0.0.1"],
    ),
}


@pytest.mark.parametrize(("provider", "case"), ITEMS.items())
def test_a_providers_description_of_a_node(
    make: Make, monkeypatch: pytest.MonkeyPatch, provider: str, case: Any
) -> None:
    settings, item, public, private = case
    monkeypatch.setenv("S", "s3cret")
    plugin = make(provider=provider, key="k", **settings)
    with plugin._sessions.driver(Deadline(20)) as driver:
        if provider == "openstack":
            monkeypatch.setattr(driver.connection, "get_service_name", lambda: "nova")
        node = to_node(driver._to_node(item))
    assert (node.public_ips, node.private_ips) == (public, private)


_MCP = """<server xmlns="urn:didata.com:api:cloud:types"><networkInfo networkDomainId="d">
<primaryNic privateIpv4="10.0.0.1" ipv6="2607:f480::1"/>
<additionalNic privateIpv4="10.0.1.1" ipv6="2607:f480::2"/></networkInfo></server>"""

_VAPP = """<VApp xmlns="http://www.vmware.com/vcloud/v1.5"><Children><Vm><NetworkConnectionSection>
<NetworkConnection network="a"><IpAddress>10.0.0.1</IpAddress>
<SecondaryIpAddress>10.0.0.2</SecondaryIpAddress>
<ExternalIpAddress>65.1.2.3</ExternalIpAddress></NetworkConnection>
<NetworkConnection network="b"><IpAddress>65.1.2.4</IpAddress></NetworkConnection>
</NetworkConnectionSection></Vm></Children></VApp>"""


@pytest.mark.parametrize(
    ("path", "document", "given", "public", "private"),
    [
        (
            "dimensiondata.DimensionDataNodeDriver",
            _MCP,
            ([], ["10.0.0.1"]),
            ["2607:f480::1", "2607:f480::2"],
            ["10.0.0.1", "10.0.1.1"],
        ),
        (
            "vcloud.VCloud_1_5_NodeDriver",
            _VAPP,
            (["65.1.2.3", "65.1.2.4"], ["10.0.0.1", "65.1.2.4"]),
            ["65.1.2.3", "65.1.2.4"],
            ["10.0.0.1", "10.0.0.2"],
        ),
    ],
)
def test_addresses_in_documents(
    path: str, document: str, given: Any, public: list[str], private: list[str]
) -> None:
    module, name = path.split(".")
    cls = getattr(importlib.import_module(f"libcloud.compute.drivers.{module}"), name)
    driver = object.__new__(cls)
    ips = dict(zip(("public_ips", "private_ips"), given, strict=True))
    driver._to_node = lambda _: SimpleNamespace(driver=driver, **ips)
    keep_raw_items(driver)
    node = driver._to_node(ET.fromstring(document))  # noqa: S314 - our own
    assert addresses_of(node) == (public, private)


def test_digitalocean(served: Callable[..., LibcloudDriver]) -> None:
    def address(ip: str, kind: str) -> dict[str, str]:
        return {"ip_address": ip, "type": kind}

    v4 = [address("198.51.100.7", "public"), address("10.10.0.2", "private")]
    v4 += [address("198.51.100.8", "public"), address("10.20.0.2", "private")]
    networks = [
        {"v4": v4, "v6": [address("2001:db8::7", "public")]},
        {"v4": [], "v6": [address("2001:db8::9", "public")]},
        {},
    ]
    droplets = [
        {"id": number, "name": "n", "created_at": "2026-01-02T03:04:05Z", "networks": found}
        for number, found in enumerate(networks, 1)
    ]
    driver = served("digitalocean", lambda _: refused_parts.in_json({"droplets": droplets}))
    one, two, three = driver.list_nodes(deadline=Deadline(20))
    assert one.public_ips == ["198.51.100.7", "198.51.100.8", "2001:db8::7"]
    assert one.private_ips == ["10.10.0.2", "10.20.0.2"]
    assert (two.public_ips, two.private_ips) == (["2001:db8::9"], [])
    assert (three.public_ips, three.private_ips) == ([], [])


def test_google(served: Callable[..., LibcloudDriver]) -> None:
    interfaces = [
        {
            "networkIP": "10.0.0.1",
            "accessConfigs": [{"natIP": "34.1.2.3"}, {"name": "none yet"}],
            "ipv6AccessConfigs": [{"externalIpv6": "2600:1900::1"}],
            "aliasIpRanges": [{"ipCidrRange": "10.8.0.7/32"}, {"ipCidrRange": "10.9.0.0/24"}],
        },
        {"networkIP": "10.1.0.1", "ipv6Address": "fd20::1"},
    ]
    instances = [refused_parts.instance(1, networkInterfaces=interfaces), refused_parts.instance(2)]
    driver = served("gce", refused_parts.Google(instances=instances))
    one, two = driver.list_nodes(deadline=Deadline(20))
    assert one.public_ips == ["34.1.2.3", "2600:1900::1"]
    assert one.private_ips == ["10.0.0.1", "10.1.0.1", "10.8.0.7", "fd20::1"]
    assert (two.public_ips, two.private_ips) == ([], ["10.0.0.2"])
