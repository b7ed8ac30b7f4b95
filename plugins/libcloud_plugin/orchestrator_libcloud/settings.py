"""Settings that ``[clouds.NAME]`` may have besides the core's own keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from orchestrator_core import FileField, SecretField, SecretMapping
from orchestrator_libcloud.arguments import TARGETS, is_text_argument
from orchestrator_libcloud.openstack import options as openstack
from orchestrator_libcloud.providers import (
    COMMON,
    IMAGE_OWNERS,
    NEEDS,
    refusal,
    required,
    taken,
)
from orchestrator_libcloud.regions import refusal as region_refusal

_LIBVIRT = "libvirt"
_OWN_TRANSPORT = ("ca_file", "proxy", "verify_tls")
_IN_URI = "set it in the URI: qemu+tls://HOST/system?pkipath=FOLDER (or no_verify=1)"
_MAX_PORT = 65535
_NOT_EMPTY = validate.Length(min=1)
_CREDENTIALS = ("key", "secret")

_USUAL = "the provider's usual one"
_LARGEST_ANSWER = 4096


class LibcloudSettings(Schema):
    """The settings of one cloud, checked against the ones that its provider accepts."""

    class Meta:
        """Options of the schema: unknown keys are errors."""

        unknown = RAISE

    provider = fields.String(
        required=True,
        error_messages={
            "required": "Missing; write Libcloud's name of the provider, such as "
            'provider = "ec2" or "openstack"'
        },
        metadata={
            "description": "One of Libcloud's provider names. A wrong name is refused with the "
            "nearest right one."
        },
    )
    key = SecretField(
        allow_plain=True,
        metadata={
            "description": "The first of the credentials, whatever the provider calls it: user, "
            "access key, or libvirt's URI."
        },
    )
    secret = SecretField(
        metadata={"description": "The second of the credentials: password or secret key."}
    )
    region = fields.String(
        validate=_NOT_EMPTY,
        metadata={"description": "The region, data centre or location of the provider."},
    )
    host = fields.String(
        validate=_NOT_EMPTY,
        metadata={"description": "The host of the API.", "default": _USUAL},
    )
    port = fields.Integer(
        strict=True,
        validate=validate.Range(1, _MAX_PORT),
        metadata={"description": "The port of the API.", "unit": "TCP port", "default": _USUAL},
    )
    secure = fields.Boolean(
        metadata={"description": "Whether the API is called with TLS.", "default": _USUAL}
    )
    ca_file = FileField(
        metadata={
            "description": "The PEM file of the certificates to trust instead of the usual ones.",
            "default": "the certificates of the machine",
        }
    )
    verify_tls = fields.Boolean(
        load_default=True,
        metadata={
            "description": "`false` accepts any certificate, so that the credentials go to any "
            "server at the cloud's address."
        },
    )
    proxy = SecretField(allow_plain=True, metadata={"description": "The URL of an HTTP proxy."})
    delete_volumes = fields.Boolean(
        load_default=False,
        metadata={
            "description": "Whether a stop deletes the volumes of the domain's own disks too. "
            "Only for `libvirt`."
        },
    )
    max_answer = fields.Integer(
        strict=True,
        load_default=64,
        validate=validate.Range(1, _LARGEST_ANSWER),
        metadata={
            "description": "The largest answer that is read, after unpacking. A larger one is an "
            "error.",
            "unit": "MiB",
        },
    )
    image_owner = fields.List(
        fields.String(validate=_NOT_EMPTY),
        validate=_NOT_EMPTY,
        metadata={
            "description": 'The owners whose images are listed: `["self", "amazon"]`. Only for '
            "`ec2`, `eucalyptus`, `nimbus`, `outscale_inc` and `outscale_sas`.",
            "default": "all owners",
        },
    )
    arguments = SecretMapping(
        load_default=dict,
        texts=is_text_argument,
        metadata={
            "description": "Further arguments of the Libcloud driver's constructor. Each may be "
            "`env:NAME` or `file:PATH`.",
        },
    )
    # All values of `auth` are texts: names, ids and domains.
    auth = SecretMapping(
        texts=lambda _name: True,
        metadata={
            "description": "The keys of `auth` in a `clouds.yaml`. Only for `openstack`; see "
            "[OpenStack](#openstack-in-detail)."
        },
    )
    clouds_file = FileField(
        metadata={"description": "A `clouds.yaml` or an openrc file. Only for `openstack`."}
    )
    cloud = fields.String(
        validate=_NOT_EMPTY,
        metadata={
            "description": "The entry of `clouds_file`. Only for `openstack`.",
            "default": "the only entry",
        },
    )
    interface = fields.String(
        validate=validate.OneOf(openstack.INTERFACES),
        metadata={
            "description": "The addresses of the catalogue to use. Only for `openstack`.",
            "default": '`"public"`',
        },
    )

    @validates_schema(skip_on_field_errors=True)
    def check(self, data: dict[str, Any], **_: Any) -> None:
        """Check the settings against the ones that the provider accepts.

        Raises:
            ValidationError: settings are missing or not accepted; names each of them.
        """
        provider: str = data["provider"]
        if why := refusal(provider):
            raise ValidationError(why, "provider")
        wrong = _not_taken(provider, data)
        if provider != "openstack":
            wrong |= {**openstack.refused(provider, data), **_missing(provider, data)}
        elif "auth" in data or "clouds_file" in data:
            wrong |= openstack.faults(data)
        else:
            wrong |= _missing(provider, data) or openstack.faults(data)
        region = data.get("region") or data["arguments"].get("region")
        if isinstance(region, str) and (why := _region_refusal(provider, region, data)):
            wrong.setdefault("region" if "region" in data else "arguments", [why])
        if "image_owner" in data and provider not in IMAGE_OWNERS:
            words = ", ".join(sorted(IMAGE_OWNERS))
            wrong["image_owner"] = [f"provider {provider!r} does not take it (only {words} do)"]
        wrong.update(_pointless(provider, data))
        if wrong:
            raise ValidationError(wrong)


def _not_taken(provider: str, data: Mapping[str, Any]) -> dict[str, list[str]]:
    wrong = {}
    takes = taken(provider)
    for name in COMMON:
        if name not in data:
            continue
        if name not in takes:
            words = ", ".join(word for word in COMMON if word in takes)
            what_else = "put other arguments of its Libcloud driver into arguments"
            wrong[name] = [
                f"provider {provider!r} does not take it (it takes {words}; {what_else})"
            ]
        elif name in data["arguments"]:
            wrong[name] = ["given twice: here and in arguments"]
    return wrong


def _pointless(provider: str, data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the settings that a provider ignores, or that another setting overrides."""
    wrong = {}
    if provider == _LIBVIRT:
        for name in _OWN_TRANSPORT:
            if name in data and data[name] is not True:
                wrong[name] = [f"provider 'libvirt' does not take it; {_IN_URI}"]
    elif data["delete_volumes"]:
        wrong["delete_volumes"] = [f"provider {provider!r} does not take it (only libvirt does)"]
    if "ca_file" in data and not data["verify_tls"]:
        wrong["ca_file"] = ["has no effect with verify_tls = false"]
    return wrong


def _region_refusal(provider: str, region: str, data: Mapping[str, Any]) -> str | None:
    return region_refusal(provider, region, data.get("host") or data["arguments"].get("host"))


def _missing(provider: str, data: Mapping[str, Any]) -> dict[str, list[str]]:
    arguments = data["arguments"]
    wrong = {}
    for name in required(provider):
        if name not in data and not any(target in arguments for target in TARGETS[name]):
            variable = f"{provider}_{name}".upper()
            form = f', such as {name} = "env:{variable}"' if name in _CREDENTIALS else ""
            wrong[name] = [f"provider {provider!r} needs it{form}"]
    lacking = [name for name in NEEDS.get(provider, ()) if name not in arguments]
    if lacking:
        wrong["arguments"] = [f"provider {provider!r} needs {', '.join(lacking)} here"]
    return wrong
