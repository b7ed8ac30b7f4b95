"""The schemas of version 2's answers, and the only definition of their shapes."""

from __future__ import annotations

from marshmallow import Schema, fields


def _text(description: str) -> fields.String:
    return fields.String(metadata={"description": description})


def _texts(description: str) -> fields.List[str]:
    return fields.List(fields.String(), metadata={"description": description})


class ThingSchema(Schema):
    """A thing of a cloud."""

    id = _text("The cloud's own id.")
    name = _text("The name that the cloud shows.")
    cloud = _text("The name of the cloud in the settings.")


class NodeSchema(ThingSchema):
    """One VM, as its cloud shows it now."""

    state = _text("`running`, `stopped`, `pending` and so on.")
    public_ips = _texts("Its public addresses.")
    private_ips = _texts("Its private addresses.")
    holder = fields.Raw(
        metadata={"description": "The user that it is assigned to, with the lease; null if none."}
    )
    extra = fields.Dict(metadata={"description": "What only this cloud tells."})


class ImageSchema(ThingSchema):
    """An image from which a VM can be started."""

    extra = fields.Dict(metadata={"description": "What only this cloud tells."})


class SizeSchema(ThingSchema):
    """A size that a VM can have."""

    ram = fields.Raw(metadata={"description": "In MB; null if unknown."})
    disk = fields.Raw(metadata={"description": "In GB; null if unknown."})
    cpu = fields.Raw(metadata={"description": "The number of processors; null if unknown."})


class LocationSchema(ThingSchema):
    """A place where a VM can run."""

    country = _text("The country; null if unknown.")


class KeyPairSchema(ThingSchema):
    """A public SSH key that the cloud keeps under a name."""

    fingerprint = _text("The fingerprint in the cloud's own form; null if it has none.")


class NetworkSchema(ThingSchema):
    """A network or subnet."""

    cidr = _text("Its range of addresses; null if unknown.")
    location = _text("The id of the only location in which it can be used; null for any.")


class FirewallSchema(ThingSchema):
    """A security group, firewall group or network tag."""

    description = _text("Its description; null if it has none.")
