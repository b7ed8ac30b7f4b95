"""Reader of the errors that providers send as XML.

The supported forms::

    Amazon, Eucalyptus  <Response><Errors><Error><Code>..</Code><Message>..</Message>
    Amazon, other       <ErrorResponse><Error><Type>Sender</Type><Code>..</Code><Message>..
    Azure, classic      <Error><Code>..</Code><Message>..</Message></Error>
    Alibaba             <Error><RequestId>..</RequestId><Code>..</Code><Message>..
    vCloud, Terremark   <Error message=".." majorErrorCode="400" minorErrorCode="BAD_REQUEST"/>
    Dimension Data      <response><responseCode>..</responseCode><message>..
    Dimension Data 0.9  <Status><result>ERROR</result><resultCode>..<resultDetail>..
    Abiquo              <errors><error><code>..</code><message>..
    OpenStack, old      <badRequest code="400"><message>..
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

from orchestrator_libcloud.errors.refusal_json import Found

_CODES: Final = frozenset({"code", "responsecode", "resultcode", "errorcode", "minorerrorcode"})
_SENTENCES: Final = frozenset({"message", "resultdetail", "detail", "errortext", "error_message"})
_PAGES: Final = frozenset({"html", "body", "head"})
_MOST: Final = 200
"""Largest number of elements that are read; no error has more."""


def read(root: ET.Element) -> Found | None:
    """Return codes, sentences and no field of an answer's XML; None for a page of HTML."""
    if _name(root.tag) in _PAGES:
        return None
    codes: list[str] = []
    sentences: list[str] = []
    for name, text in _pairs(root):
        if name in _CODES and text and not _is_status(text):
            codes.append(text)
        elif name in _SENTENCES and text:
            sentences.append(text)
    if sentences and not codes and not _name(root.tag).endswith(("error", "errors", "response")):
        codes.append(root.tag.rpartition("}")[2])
    return (codes, sentences[:2], None) if codes or sentences else None


def _pairs(root: ET.Element) -> Iterator[tuple[str, str]]:
    for number, element in enumerate(root.iter()):
        if number == _MOST:
            return
        yield from ((_name(key), value.strip()) for key, value in element.attrib.items())
        yield _name(element.tag), (element.text or "").strip()


def _name(tag: object) -> str:
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def _is_status(text: str) -> bool:
    return len(text) == 3 and text.isdecimal()  # noqa: PLR2004 - as 400
