"""The schema of the optional fields of a start, for callers and for defaults in the settings."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validates, validates_schema

from orchestrator_core.validation.text import (
    MESSAGES,
    JsonObject,
    ListOf,
    LongText,
    Text,
    TextMapping,
    YesOrNo,
    has_control,
    whole_number,
)

MAX_USER_DATA: Final = 65_535
"""The most bytes of user data; clouds have lower limits (OpenStack: 65,535 bytes in Base64)."""

_MOST_GB: Final = 1_048_576
_MOST_ENTRIES: Final = 32
_MOST_TAGS: Final = 64
_LONGEST_TAG: Final = 255

_PUBLIC_KEY: Final = re.compile(
    r"(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp(?:256|384|521)"
    r"|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)"
    r" [A-Za-z0-9+/]{16,}={0,3}(?: .*)?"
)
"""One line of an ``authorized_keys`` file without options (sshd(8))."""


class PublicKey(LongText):
    """One public SSH key as a line of text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_bytes=16_384, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        line = super()._deserialize(value, attr, data, **kwargs).strip()
        if "PRIVATE KEY" in line:
            raise ValidationError("must be the public key; never send the private key")
        # Programs differ in what ends a line; the rest of this one could be a key of its own.
        if has_control(line) or not _PUBLIC_KEY.fullmatch(line):
            raise ValidationError(
                'must be one public key in OpenSSH\'s form, such as "ssh-ed25519 AAAA... name"'
            )
        return line


class _Part(Schema):
    class Meta:
        """Options that make unknown keys an error."""

        unknown = RAISE

    error_messages = {"unknown": "is not a known key", "type": "must be an object"}  # noqa: RUF012


class RootDiskSchema(_Part):
    """The disk that a VM boots from."""

    size = whole_number(
        1,
        _MOST_GB,
        "GB",
        "The size in GB. Without it, the image or the size of the VM determines it.",
    )
    type = Text(metadata={"description": "The cloud's own word for the kind of disk: `gp3`."})
    keep = YesOrNo(metadata={"description": "Whether the disk remains when the VM is destroyed."})


class VolumeSchema(_Part):
    """A disk beside the root disk: a new one with a size, or an existing one with its id."""

    id = Text(metadata={"description": "The id of an existing volume, without other keys."})
    size = whole_number(1, _MOST_GB, "GB", "The size of a new volume in GB.")
    type = Text(metadata={"description": "The cloud's own word for the kind of a new volume."})
    keep = YesOrNo(
        metadata={"description": "Whether a new volume remains when the VM is destroyed."}
    )

    @validates_schema(skip_on_field_errors=True)
    def _new_or_existing(self, data: Mapping[str, Any], **_: Any) -> None:
        if "id" not in data and "size" not in data:
            raise ValidationError("is missing; give size for a new volume, or id for an old one")
        if "id" in data and data.keys() != {"id"}:
            raise ValidationError("an existing volume takes only id")


class Price(fields.Field[float]):
    """A finite number above 0."""

    default_error_messages = {**MESSAGES, "invalid": "must be a number above 0"}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid")
        try:
            price = float(value)
        except OverflowError:
            raise self.make_error("invalid") from None
        if not (price > 0 and math.isfinite(price)):
            raise self.make_error("invalid")
        return price


class SpotSchema(_Part):
    """The wish for a VM that the cloud may take back."""

    max_price = Price()


class Spot(fields.Field[dict[str, Any] | bool]):
    """``true``, or an object with ``max_price``; ``false`` replaces a default of the settings."""

    default_error_messages = {  # noqa: RUF012
        **MESSAGES,
        "invalid": "must be true, false, or an object with max_price",
    }

    def _deserialize(
        self, value: Any, attr: Any, data: Any, **kwargs: Any
    ) -> dict[str, Any] | bool:
        if value is False:
            return False
        if value is True:
            return {}
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        return dict(SpotSchema().load(value))


def _part(schema: type[Schema], description: str) -> fields.Nested:
    messages = {**MESSAGES, "type": "must be an object"}
    return fields.Nested(schema, error_messages=messages, metadata={"description": description})


class StartFieldsSchema(Schema):
    """The optional fields of a start.

    The description of each field stands in its ``metadata``, for the settings reference and the API
    reference.
    """

    keyname = Text(metadata={"description": "A key pair that the cloud knows, by name or id."})
    ssh_keys = ListOf(
        PublicKey(),
        _MOST_ENTRIES,
        metadata={
            "description": "Public SSH keys, each as one line of an `authorized_keys` file.",
            "toml_type": "list of texts",
        },
    )
    user_data: fields.Field[Any] = LongText(
        MAX_USER_DATA,
        metadata={
            "description": "The text for the VM's init system (cloud-init), not encoded.",
            "toml_type": "text",
        },
    )
    networks = ListOf(
        Text(),
        _MOST_ENTRIES,
        metadata={
            "description": "Subnets on clouds whose VMs are attached to subnets (EC2, Azure, "
            "Google), else networks, by name or id. The first is the primary one.",
            "toml_type": "list of texts",
        },
    )
    firewalls = ListOf(
        Text(),
        _MOST_ENTRIES,
        metadata={
            "description": "Security groups, firewall groups or network tags, by name or id.",
            "toml_type": "list of texts",
        },
    )
    location = Text(metadata={"description": "The zone or region, by name or id."})
    public_ip = YesOrNo(
        metadata={
            "description": "Whether the VM gets a public address. Without it the cloud decides."
        }
    )
    root_disk = _part(RootDiskSchema, "The disk that the VM boots from.")
    volumes = ListOf(
        _part(VolumeSchema, "One volume."),
        _MOST_ENTRIES,
        metadata={
            "description": "Disks beside the root disk: `{size, type, keep}` for a new one, `{id}` "
            "for an existing one.",
            "toml_type": "list of tables",
        },
    )
    tags = TextMapping(
        _MOST_TAGS,
        _LONGEST_TAG,
        metadata={
            "description": "Labels by which the cloud can search its VMs.",
            "toml_type": "table of texts",
        },
    )
    spot = Spot(
        metadata={
            "description": "`true` for a VM that the cloud may take back at any time, or "
            "`{max_price}` with the highest price for one hour.",
            "toml_type": "true or table",
        }
    )
    metadata = JsonObject(
        metadata={
            "description": "Data that the VM itself can read, on clouds that have it.",
            "toml_type": "table",
        }
    )
    options: fields.Field[Any] = JsonObject(
        metadata={
            "description": "Parameters of the driver itself, as far as `start_options` of the "
            "cloud allows them.",
            "toml_type": "table",
        }
    )

    @validates("volumes")
    def _each_once(self, volumes: Sequence[Mapping[str, Any]], **_: Any) -> None:
        seen: set[str] = set()
        for volume in volumes:
            if (known := volume.get("id")) in seen:
                raise ValidationError(f"{known!r} is given twice")
            if known is not None:
                seen.add(known)
