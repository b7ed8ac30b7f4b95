"""A provider's own error: its code, its sentence and the parameter that it names."""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_libcloud.errors import refusal_json, refusal_xml
from orchestrator_libcloud.http.error_answer import ErrorAnswer
from orchestrator_libcloud.patterns import Pattern

_LONGEST_TEXT: Final = 600
"""A longer plain text is a page, not an error."""

_STATUS: Final = Pattern(r"\s*([45]\d\d)\b[:,]?\s*")
_PHRASES: Final = (
    "Bad Request|Unauthorized|Forbidden|Not Found|Conflict|Request Entity Too Large|"
    "Too Many Requests|Internal Server Error|Error"
)
_STATUS_LINE: Final = Pattern(rf"\s*[45]\d\d\s+(?:{_PHRASES})?\s*")
_CODE_FIRST: Final = Pattern(
    r"\s*\[?(?P<code>[A-Za-z]\w*(?:[.:]{1,2}\w+)*)(?:\]:?|:)\s+(?P<sentence>\S.*)", re.DOTALL
)
_IS_CODE: Final = Pattern(r"[A-Z][a-z0-9]+[A-Z.]|[a-z]+[A-Z_]|[A-Z0-9]+_|[A-Z]{2}\w*Fault")
"""The form of an error's code, as opposed to the first word of a sentence."""

_PAIR: Final = 2
_WEBOB: Final = Pattern(
    r"<h1>\d{3} [^<]{2,60}</h1>\s{0,20}(?P<sentence>[^<]{3,2000}?)<br ?/?>\s{0,20}<br ?/?>"
)
_DICT: Final = Pattern(r"\s*[\[{]")
_TRIALS: Final = 5
"""The most trials of a parse that is disturbed."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider's own description of an error.

    Attributes:
        codes: its codes, the most specific one first; empty if there is none.
        sentence: its text, unchanged: it may contain addresses and secrets.
        field: the parameter that it names, in the provider's spelling.
        method: the method of the answered request, in capitals; empty if it is not known.
    """

    codes: tuple[str, ...] = ()
    sentence: str = ""
    field: str | None = None
    method: str = ""

    @property
    def code(self) -> str | None:
        """Return the most readable code: the first that is a word, or else the first."""
        words = (code for code in self.codes if not code.isdecimal())
        return next(words, self.codes[0] if self.codes else None)


def of_answer(answer: ErrorAnswer) -> Refusal | None:
    """Return the content of an error answer; None if it has no known provider's form."""
    found = (
        _of_json(answer.json())
        or _of_webob(answer.body)
        or _of_xml(answer)
        or _of_text(answer.body)
    )
    if found is None:
        return None
    return Refusal(found.codes, found.sentence, found.field, answer.method)


def of_library(error: Exception) -> Refusal | None:
    """Return the content of an error of a library that calls the provider without Libcloud.

    The libraries are libvirt; pyVmomi, whose classes are named after vSphere's faults; and XML-RPC,
    whose faults Gandi's driver passes on as two arguments.
    """
    if (message := getattr(error, "get_error_message", None)) is not None:
        code = error.get_error_code()  # type: ignore[attr-defined]
        return Refusal((f"libvirt {code}",), str(message()))
    if isinstance(getattr(error, "faultString", None), str):
        return Refusal((str(getattr(error, "faultCode", "")),), error.faultString)  # type: ignore[attr-defined]
    name = type(error).__name__
    if name.startswith(("vim.fault.", "vmodl.fault.")):
        return Refusal((name.rpartition(".")[2],), str(getattr(error, "msg", "") or ""))
    if name == "GandiException" and len(error.args) == _PAIR:
        return Refusal((str(error.args[0]),), str(error.args[1]))
    return None


def of_words(words: str, code: object = None) -> Refusal | None:
    """Return the content of a driver's exception that quotes its provider.

    Args:
        words: the exception's text.
        code: the exception's attribute ``code``, if it has one.
    """
    given = [code] if isinstance(code, str) and not code.isdecimal() else []
    if _DICT.match(words) and (found := _of_json(_literal(words))):
        return Refusal((*given, *found.codes), found.sentence, found.field)
    text = _STATUS_LINE.sub("", words, count=1)
    match = _CODE_FIRST.match(text)
    if match and _IS_CODE.match(match["code"]):
        return Refusal((*given, match["code"]), match["sentence"])
    text = text.strip()
    return Refusal(tuple(given), text) if text or given else None


def _of_json(body: Any) -> Refusal | None:
    found = refusal_json.read(body)
    return _refusal(*found) if found else None


def _of_xml(answer: ErrorAnswer) -> Refusal | None:
    root = answer.xml()
    found = refusal_xml.read(root) if root is not None else None
    return _refusal(*found) if found else None


def _of_webob(body: bytes) -> Refusal | None:
    """Read a page of webob, in which Glance and other parts of OpenStack put their sentence."""
    page = body.decode("utf-8", "replace")
    found = _WEBOB.search(page) if "<h1>" in page else None
    return Refusal((), html.unescape(found["sentence"]).strip()) if found else None


def _of_text(body: bytes) -> Refusal | None:
    """Read an error of one line, as sent by CloudSigma, OpenNebula and Kubernetes' own proxies."""
    text = body.decode("utf-8", "replace").strip().strip('"')
    if not text or len(text) > _LONGEST_TEXT or text[:1] in "<{[":
        return None
    return of_words(text)


def _refusal(codes: Iterable[str], sentences: Iterable[str], field: str | None) -> Refusal | None:
    unique = tuple(dict.fromkeys(codes))
    parts = list(dict.fromkeys(" ".join(part.split()) for part in sentences if part.strip()))
    told = [part for part in parts if not any(part in other and part != other for other in parts)]
    sentence = "; ".join(told)
    return Refusal(unique, sentence, field) if unique or sentence else None


def _literal(words: str) -> Any:
    """Return the dict or list that a driver has put into its exception as text."""
    for _ in range(_TRIALS):
        try:
            return ast.literal_eval(words.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
        except SystemError:
            # Before Python 3.11.8 and 3.12.2, two parses disturb each other: that of another
            # thread, or of a finalizer whose traceback is logged (python/cpython#106905).
            continue
    return None


def flat(value: Any) -> Iterator[Any]:
    """Yield every value of nested mappings and lists."""
    parts = value.values() if isinstance(value, Mapping) else value
    if not isinstance(parts, Iterable) or isinstance(parts, str | bytes):
        yield parts
        return
    for part in parts:
        yield from flat(part)
