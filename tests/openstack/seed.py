"""The contents of the new cloud: its services, users and projects, and what a server is made of.

``seed.py identity`` runs before the services start, ``seed.py things`` after that. The project
``physics`` has two networks, and two security groups of one name; ``chemistry`` has one network,
``empty`` none.
"""

from __future__ import annotations

import sys
from typing import Any

import openstack

PASSWORD = "not-a-secret"
REGION = "RegionOne"
SERVICES = {
    "image": ("glance", "http://127.0.0.1:19292"),
    "placement": ("placement", "http://127.0.0.1:18778"),
    "network": ("neutron", "http://127.0.0.1:19696"),
    "compute": ("nova", "http://127.0.0.1:18774/v2.1"),
    "volumev3": ("cinderv3", "http://127.0.0.1:18776/v3/%(tenant_id)s"),
}
FLAVORS = {"m1.tiny": (512, 1), "m1.small": (2048, 20), "m1.zero": (1024, 0)}
PROJECTS = {"physics": ("lab", "storage"), "chemistry": ("only",), "empty": ()}


def connect(user: str, project: str) -> Any:
    """Return a connection of a user in a project."""
    return openstack.connect(
        auth_url="http://127.0.0.1:15000/v3",
        username=user,
        password=PASSWORD,
        project_name=project,
        user_domain_name="Default",
        project_domain_name="Default",
        region_name=REGION,
    )


def seed_identity() -> None:
    """Make the services, the user of the services, and ada with her projects."""
    identity = connect("admin", "admin").identity
    for kind, (name, url) in SERVICES.items():
        service = identity.create_service(type=kind, name=name)
        for interface in ("public", "internal", "admin"):
            identity.create_endpoint(
                service_id=service.id, interface=interface, url=url, region_id=REGION
            )
    identity.create_role(name="service")
    roles = {role.name: role for role in identity.roles()}
    for user, projects, words in (
        ("service", ("service",), ("admin", "service")),
        ("ada", PROJECTS, ("member",)),
    ):
        made = identity.create_user(name=user, password=PASSWORD, domain_id="default")
        for name in projects:
            project = identity.create_project(name=name, domain_id="default")
            for word in words:
                identity.assign_project_role_to_user(project, made, roles[word])


def seed_things() -> None:
    """Make flavors, images, a volume type, networks, security groups and key pairs."""
    admin = connect("admin", "admin")
    for number, (name, (ram, disk)) in enumerate(FLAVORS.items(), 1):
        admin.compute.create_flavor(name=name, ram=ram, vcpus=1, disk=disk, id=str(number))
    about = {"disk_format": "raw", "container_format": "bare", "visibility": "public"}
    for name, least in (("debian", 2), ("cirros", 0)):
        admin.create_image(name, data=b"x" * 1000, min_disk=least, wait=True, **about)
    admin.block_storage.create_type(name="plain")
    for number, (name, networks) in enumerate(PROJECTS.items()):
        neutron = connect("ada", name).network
        for place, network in enumerate(networks):
            made = neutron.create_network(name=network)
            neutron.create_subnet(
                network_id=made.id, ip_version=4, cidr=f"10.{number}.{place}.0/24"
            )
    physics = connect("ada", "physics")
    for name in ("web", "ssh", "twice", "twice"):
        physics.network.create_security_group(name=name)
    for name in ("ann", "bert"):
        physics.compute.create_keypair(name=name)


if __name__ == "__main__":
    {"identity": seed_identity, "things": seed_things}[sys.argv[1]]()
