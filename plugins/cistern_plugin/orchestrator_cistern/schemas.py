"""Marshmallow schemas of Cistern's answers. Unknown keys are ignored."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

from orchestrator_core import Vm, VmStatus

_LARGEST: Final = 2**63 - 1
_NAMES: Final = {status.value: status.name for status in VmStatus}


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
        raise ValidationError("is not a whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValidationError("is no text")
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise ValidationError("is not valid Unicode")
    return value


def _identity(value: Any) -> int | str:
    if value == "":
        raise ValidationError("is empty")
    return _text(value) if isinstance(value, str) else _number(value)


class _Number(fields.Field[int]):
    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        return _number(value)


class _Text(fields.Field[str]):
    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        return _text(value)


class _Identity(fields.Field[int | str]):
    """A number, or a text that is not empty."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int | str:
        return _identity(value)


class _NodeId(fields.Field[str]):
    """A cloud's node id: always a text here, although Cistern may send another type."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        return str(_identity(value))


class _Answer(Schema):
    class Meta:
        """Options of the schema: unknown keys are ignored."""

        unknown = EXCLUDE


class NodeSchema(_Answer):
    """One VM. Null means the same as a missing key; only ``id`` and ``id_vm`` are required."""

    id = _Identity(required=True)
    id_vm = _NodeId(required=True)
    hostname = _Text(load_default="", allow_none=True)
    user = _Text(allow_none=True)
    recipe = _Text(allow_none=True)
    recipe_id = _Identity(allow_none=True)
    status = _Number(allow_none=True)
    status_desc = _Text(allow_none=True)
    cloud = _Text(allow_none=True)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Vm:
        known = {key: value for key, value in data.items() if value is not None}
        known.setdefault("hostname", "")
        # A VM whose status is unknown must not look free.
        status = known.setdefault("status", VmStatus.FAULTY.value)
        known.setdefault("status_desc", _NAMES.get(status, ""))
        return Vm(**known)


class NodeListSchema(_Answer):
    """Answer to ``GET /nodes/<cloud>``."""

    status = fields.String(required=True, validate=validate.Equal("ok"))
    nodes = fields.List(fields.Nested(NodeSchema), required=True)


class ResultSchema(_Answer):
    """Answer to an assign or a release."""

    status = fields.String(required=True, validate=validate.Equal("ok"))
    id = _Identity(load_default=None, allow_none=True)
    id_vm = _NodeId(load_default=None, allow_none=True)
    result = _Text(load_default=None, allow_none=True)
