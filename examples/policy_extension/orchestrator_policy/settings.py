"""Settings of this plugin in an ``[extensions.NAME]`` section."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

_DAY = 86_400.0


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValidationError(f"must be a regular expression ({error})") from None


def _check_prefix(prefix: str) -> None:
    try:
        prefix.format(caller="", cloud="")
    except (AttributeError, IndexError, KeyError, ValueError):
        raise ValidationError(
            "may have {caller} and {cloud}, and no other name in braces"
        ) from None


class _Number(fields.Integer):
    """Field for a number of VMs."""

    def __init__(self) -> None:
        super().__init__(
            strict=True,
            validate=validate.Range(min=0, error="must be 0 or more"),
            error_messages={"invalid": "must be a whole number of 0 or more"},
        )


class _Seconds(fields.Float):
    def __init__(self, default: float) -> None:
        positive = validate.Range(min=0, min_inclusive=False, error="must be more than 0")
        super().__init__(load_default=default, validate=positive)


class QuotaSettings(Schema):
    """Settings of the quota: how many VMs started by one caller may exist at once in one cloud."""

    default = _Number()
    callers = fields.Dict(keys=fields.String(), values=_Number(), load_default=dict)
    unknown_for = _Seconds(_DAY)
    visible_after = _Seconds(600.0)

    @validates_schema
    def _limits_something(self, data: Mapping[str, Any], **_: Any) -> None:
        if "default" not in data and not data.get("callers"):
            raise ValidationError(
                "needs a limit; set default = 10, for example, or callers", "default"
            )


class PolicySettings(Schema):
    """Settings of the policy: the allowed names, the clouds and the quotas."""

    clouds = fields.List(fields.String(), load_default=None)
    name_pattern = fields.String(load_default=None, validate=_check_pattern)
    name_prefix = fields.String(load_default="", validate=_check_prefix)
    quota = fields.Nested(QuotaSettings, load_default=None)
