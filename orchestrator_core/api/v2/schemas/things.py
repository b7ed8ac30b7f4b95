"""Schemas of what clouds have: VMs, images, sizes, networks and others."""

from __future__ import annotations

from marshmallow import Schema, fields

from orchestrator_core.api.v2.schemas.fields import (
    amount,
    any_object,
    number,
    optional,
    text,
    texts,
    time,
)
from orchestrator_core.model import NodeState


class ThingSchema(Schema):
    """A thing of a cloud."""

    id = text("The cloud's own id.")
    name = text("The name that the cloud shows.")
    cloud = text("The name of the cloud in the settings.")


class HolderSchema(Schema):
    """The user that a VM is assigned to."""

    assignment = text("The id of the assignment.")
    user = text("The user.")
    application = text("The application.")
    generation = number("The number of holders that the VM has had, this one included.")
    lease_expires_at = time("When the lease ends; null without a lease.")


class NodeSchema(ThingSchema):
    """One VM, as its cloud shows it now.

    A VM that was just started is shown from the record of its start until its cloud shows it.
    """

    state = fields.String(
        required=True,
        metadata={
            "description": "The state, as the cloud tells it; `unknown` if it tells none, and "
            "`pending` for a new VM that the cloud does not show yet.",
            "enum": [state.value for state in NodeState],
        },
    )
    public_ips = texts("Its public addresses.")
    private_ips = texts("Its private addresses.")
    image = optional("The id or the name of the image of its start; null if unknown.")
    size = optional("The id or the name of its size; null if unknown.")
    created_at = fields.Raw(  # the encoder writes times; a field for them has no fast code
        required=True,
        metadata={
            "description": "When the cloud created it; null if unknown.",
            "type": ["string", "null"],
            "format": "date-time",
        },
    )
    tags = fields.Dict(
        required=True,
        metadata={
            "description": 'Its tags or labels; a tag that is a word has the value `""`.',
            "additionalProperties": {"type": "string"},
        },
    )
    holder = fields.Raw(  # a plain field, which the fast code for long lists can show
        required=True,
        metadata={
            "description": "The user that it is assigned to, with the lease; null if none.",
            "oneOf": [{"$ref": "#/components/schemas/Holder"}, {"type": "null"}],
        },
    )
    extra = any_object("What only this cloud tells.")


class ImageSchema(ThingSchema):
    """An image from which a VM can be started."""

    extra = any_object("What only this cloud tells.")


class SizeSchema(ThingSchema):
    """A size that a VM can have."""

    ram = amount("In MB; null if unknown.")
    disk = amount("In GB; null if unknown.")
    cpu = amount("The number of processors; null if unknown.")


class LocationSchema(ThingSchema):
    """A place where a VM can run."""

    country = optional("The country; null if unknown.")


class KeyPairSchema(ThingSchema):
    """A public SSH key that the cloud keeps under a name."""

    fingerprint = optional("The fingerprint in the cloud's own form; null if it has none.")


class NetworkSchema(ThingSchema):
    """A network or subnet."""

    cidr = optional("Its range of addresses; null if unknown.")
    location = optional("The id of the only location in which it can be used; null for any.")


class FirewallSchema(ThingSchema):
    """A security group, firewall group or network tag."""

    description = optional("Its description; null if it has none.")


class ConsoleSchema(Schema):
    """The text that a VM has written to its console."""

    output = text("The end of the text, without known secrets.")
