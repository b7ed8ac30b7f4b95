"""Reader of the errors that providers send as JSON.

The forms differ only in names and depth: an object with a code, a sentence and sometimes
the parameter's name, wrapped in other objects. The supported forms::

    Nova, Cinder      {"badRequest": {"code": 400, "message": ...}}
    Neutron           {"NeutronError": {"type": "OverQuota", "message": ..., "detail": ""}}
    Keystone          {"error": {"code": 403, "title": "Forbidden", "message": ...}}
    Placement         {"errors": [{"status": 400, "title": ..., "detail": ..., "code": ...}]}
    Google            {"error": {"code": 403, "message": ..., "errors": [{"reason": ...}]}}
    Google, OAuth     {"error": "invalid_grant", "error_description": ...}
    Azure             {"error": {"code": ..., "message": ..., "target": ..., "details": [{...}]}}
    DigitalOcean      {"id": "unprocessable_entity", "message": ...}
    Linode            {"errors": [{"reason": "a sentence", "field": "label"}]}
    Scaleway          {"type": "invalid_arguments", "message": ..., "details": [{...}]}
    UpCloud           {"error": {"error_code": ..., "error_message": ...}}
    OVH               {"errorCode": ..., "class": "Client::Forbidden", "message": ...}
    CloudStack        {"deployvirtualmachineresponse": {"errorcode": 535, "errortext": ...}}
    Alibaba           {"Code": ..., "Message": ...}
    Outscale          {"Errors": [{"Code": "10022", "Type": ..., "Details": ...}]}
    CloudSigma        [{"error_type": ..., "error_message": ..., "error_point": ...}]
    Brightbox         {"error_name": ..., "errors": [...]}
    Kubernetes        {"kind": "Status", "reason": "Forbidden", "message": ..., "details": {...}}
    vSphere           {"type": "com.vmware...", "value": {"messages": [{"default_message": ...}]}}
    Vultr, Equinix    {"error": "a sentence"}, {"errors": ["a sentence"]}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from orchestrator_libcloud.patterns import Pattern

Found = tuple[list[str], list[str], str | None]
"""Codes, sentences, and the parameter that is named."""

_KEYS: Final = {
    "codes": (
        "error_code errorCode errorcode ERRORCODE error_type error_name error_class "
        "minorErrorCode responseCode reason code Code type Type class id status title"
    ),
    "sentences": (
        "message Message error_message errorMessage ERRORMESSAGE errortext default_message "
        "human_readable_message help_message description detail Detail Details details "
        "error_description reason error msg info"
    ),
    "fields": "field target argument_name error_point attribute parameter",
    "inner": (
        "errors Errors ERRORARRAY error Error details innererror value messages causes "
        "invalid_params"
    ),
}
_CODES: Final = _KEYS["codes"].split()
_SENTENCES: Final = _KEYS["sentences"].split()
_FIELDS: Final = _KEYS["fields"].split()
_INNER: Final = _KEYS["inner"].split()
"""Places of a more specific error inside another error, the most specific first."""

_DEEPEST: Final = 6
_MOST_ITEMS: Final = 8
_IS_CODE: Final = Pattern(r"[A-Za-z][\w.:-]{1,127}\Z|\d{1,9}\Z")
_IS_SENTENCE: Final = Pattern(r"\S\s+\S")
_STATUSES: Final = frozenset(status.value for status in HTTPStatus)
_NO_CODES: Final = frozenset({"error", "failure", "status", "none", "false"})
_ID: Final = Pattern(r"[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE)
_TAGS: Final = Pattern(r"<[^<>]{1,100}>")


def read(body: Any) -> Found | None:
    """Return codes, sentences and field of an answer's JSON; None if it has none of them."""
    codes: list[str] = []
    sentences: list[str] = []
    fields: list[str] = []
    for part, wrapper in _parts(body, None, 0):
        if isinstance(part, str):
            (sentences if _IS_SENTENCE.search(part) else codes).append(part)
            continue
        codes += _codes(part)
        codes += [wrapper] if wrapper and _is_wrapper(wrapper, part) else []
        sentences += _sentences(part)
        fields += _fields(part)
    codes = [code for code in codes if _IS_CODE.match(code)]
    if not codes and not sentences:
        return None
    return codes, sentences, next(iter(fields), None)


def _parts(
    value: Any, wrapper: str | None, depth: int
) -> Iterator[tuple[Mapping[str, Any] | str, str | None]]:
    """Yield the objects and texts that describe the error, the innermost first."""
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        yield value, wrapper
    elif isinstance(value, list):
        for item in value[:_MOST_ITEMS]:
            yield from _parts(item, wrapper, depth + 1)
    elif isinstance(value, dict):
        for name in _INNER:
            if isinstance(value.get(name), dict | list):
                yield from _parts(value[name], None, depth + 1)
        if not _sentences(value) and not _codes(value):
            yield from _named_parts(value, depth)
        yield value, wrapper


def _named_parts(value: Mapping[str, Any], depth: int) -> Iterator[Any]:
    """Yield the error inside an object whose only key is the name of the error or of a field."""
    for name, inner in list(value.items())[:_MOST_ITEMS]:
        if name in _INNER or not isinstance(inner, dict | list | str):
            continue
        if isinstance(inner, dict):
            yield from _parts(inner, name, depth + 1)
        elif _texts(inner):
            # A form of Django and Rails: {"name": ["This field is required."]}.
            yield {"field": name, "message": " ".join(_texts(inner))}, None


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str) and _IS_SENTENCE.search(item)]


def _is_wrapper(name: str, part: Mapping[str, Any]) -> bool:
    """Return whether a key is the error's code, such as Nova's ``badRequest``."""
    is_inner = name in _INNER or name.lower().endswith(("response", "error"))
    return not is_inner and bool(_sentences(part))


def _codes(part: Mapping[str, Any]) -> list[str]:
    found = []
    for name in _CODES:
        value = part.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int):
            continue
        text = str(value).rpartition("#")[2]  # UpCloud's is the fragment of a URL
        is_status = text.isdecimal() and int(text) in _STATUSES
        is_no_code = is_status or _ID.match(text) or text.lower() in _NO_CODES
        if _IS_CODE.match(text) and not is_no_code:
            found.append(text)
    if isinstance(part.get("error"), str) and _IS_CODE.match(part["error"]):
        found.insert(0, part["error"])
    return found


def _sentences(part: Mapping[str, Any]) -> list[str]:
    for name in _SENTENCES:
        value = part.get(name)
        if isinstance(value, str) and (_IS_SENTENCE.search(value) or name in _SENTENCES[:3]):
            return [_TAGS.sub(" ", value)]
    return []


def _fields(part: Mapping[str, Any]) -> list[str]:
    named = [part[name] for name in _FIELDS if isinstance(part.get(name), str) and part[name]]
    listed = part.get("fields")
    return named + (list(listed)[:1] if isinstance(listed, dict) else [])
