"""Moto's EC2 API on a port that the system chooses, with corrected answers.

Run as a program, it prints its port and serves until its standard input ends. Amazon's own
answers differ from moto's in seven things that Libcloud or the plugin depends on:

* their namespace ends with a slash;
* errors have no namespace;
* an action without a result answers ``<return>true</return>``;
* ``Tag.0.Key`` and ``ResourceId.0`` count: Libcloud numbers them from zero to make and delete;
* a start with a known client token is answered with the nodes of the earlier start;
* nodes can be filtered by their client token;
* instance types come 100 at a time, with a ``nextToken``. Moto takes seconds to write them all, so
  it writes only the fields that the plugin reads, and pages are cached.

Moto accepts every access key; this server refuses one, in Amazon's words.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from moto.core import responses
from moto.core.serialize import XFormedAttributePicker
from moto.core.utils import method_names_from_class
from moto.ec2.models import EC2Backend
from moto.ec2.models.instance_types import INSTANCE_TYPES, InstanceTypeBackend
from moto.ec2.utils import filter_dict_attribute_mapping
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from orchestrator_libcloud.fake import FORGETFUL
from orchestrator_libcloud.fake.keys import REFUSED_KEY

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Answer = tuple[str, list[tuple[str, str]], bytes]
"""The status, the head and the body of moto's answer."""

_NAMESPACE = re.compile(rb' xmlns="http://ec2\.amazonaws\.com/doc/2016-11-15/?"')
_SLASHED = b' xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
_ROOT_END = re.compile(rb"</\w+Response>\s*$")
_TELL_NOTHING = {
    "RebootInstances",
    "CreateTags",
    "DeleteTags",
    "DeleteKeyPair",
    "ModifyInstanceAttribute",
}
_COUNTED = re.compile(r"(Tag|ResourceId)\.(\d+)(.*)")
_ERROR = 400
_REFUSAL = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>AuthFailure</Code>'
    b"<Message>AWS was not able to validate the provided access credentials</Message>"
    b"</Error></Errors><RequestID>0</RequestID></Response>"
)
_PAGE = 100
_READ_OF_A_TYPE: dict[str, tuple[str, ...]] = {
    "InstanceType": (),
    "CurrentGeneration": (),
    "BareMetal": (),
    "ProcessorInfo": ("SupportedArchitectures",),
    "VCpuInfo": ("DefaultVCpus",),
    "MemoryInfo": ("SizeInMiB",),
    "InstanceStorageInfo": ("TotalSizeInGB",),
    "NetworkInfo": ("NetworkPerformance",),
}
_NO_TOKEN = "ABCDE"  # noqa: S105 - it is none
"""Moto's client token for a start without one."""


class AmazonLike:
    """WSGI middleware in front of moto.

    Tests read the same again and again, and moto needs 2 ms to write a node. An answer is repeated
    until the next request that may change something.

    Args:
        application: moto.
        remembers: whether an answer is repeated.
    """

    def __init__(
        self,
        application: Callable[[Environ, StartResponse], Iterable[bytes]],
        *,
        remembers: bool = True,
    ) -> None:
        self._application = application
        self._remembers = remembers
        self._type_pages: dict[int, bytes] = {}
        self._answers: dict[tuple[str, str], Answer] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        """Pass one request on to moto, and correct the answer."""
        if REFUSED_KEY in environ.get("HTTP_AUTHORIZATION", ""):
            start_response("401 Unauthorized", [("Content-Length", str(len(_REFUSAL)))])
            return [_REFUSAL]
        query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        action = dict(query).get("Action", "")
        if action in ("CreateTags", "DeleteTags"):
            query = [(_from_one(name), value) for name, value in query]
            environ["QUERY_STRING"] = urlencode(query)
        if action == "DescribeInstanceTypes" and "InstanceType.1" not in dict(query):
            return self._types(environ, start_response, query)
        return self._ask(environ, start_response, action)

    def _types(
        self, environ: Environ, start_response: StartResponse, query: list[tuple[str, str]]
    ) -> list[bytes]:
        """Answer with one page of instance types."""
        number = int(dict(query).get("NextToken", "0"))
        if number not in self._type_pages:
            names = sorted(INSTANCE_TYPES)[number * _PAGE : (number + 1) * _PAGE]
            kept = [(name, value) for name, value in query if name != "NextToken"]
            kept += [(f"InstanceType.{place}", name) for place, name in enumerate(names, 1)]
            environ["QUERY_STRING"] = urlencode(kept)
            (body,) = self._ask(environ, lambda *_: None, "DescribeInstanceTypes")
            if (number + 1) * _PAGE < len(INSTANCE_TYPES):
                more = f"<nextToken>{number + 1}</nextToken>".encode()
                body = _ROOT_END.sub(lambda end: more + end[0], body)
            self._type_pages[number] = body
        page = self._type_pages[number]
        start_response("200 OK", [("Content-Type", "text/xml"), ("Content-Length", str(len(page)))])
        return [page]

    def _ask(self, environ: Environ, start_response: StartResponse, action: str) -> list[bytes]:
        """Pass one request on to moto unchanged; return its corrected answer."""
        if self._remembers and action.startswith("Describe"):
            # A change replaces the dictionary, and with it an answer that is from before the change
            # and comes after it.
            answers, read = self._answers, _read(environ)
            if read not in answers:
                answers[read] = self._answer(environ)
            status, headers, body = answers[read]
        else:
            self._answers = {}
            status, headers, body = self._answer(environ)
            self._answers = {}
        body = _put_right(body, action, failed=int(status[:3]) >= _ERROR)
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, environ: Environ) -> Answer:
        began: list[Any] = []
        answer = self._application(environ, lambda *arguments: began.extend(arguments[:2]))
        body = b"".join(answer)
        status, headers = began
        return status, headers, body


def _read(environ: Environ) -> tuple[str, str]:
    """Return what the answer to a read depends on: its caller and region, and its parameters."""
    caller, _, _ = environ.get("HTTP_AUTHORIZATION", "").partition(",")
    return caller, environ.get("QUERY_STRING", "")


def _put_right(body: bytes, action: str, *, failed: bool) -> bytes:
    if failed:
        return _NAMESPACE.sub(b"", body)
    if action in _TELL_NOTHING and b"<return>" not in body:
        body = _ROOT_END.sub(lambda end: b"<return>true</return>" + end[0], body)
    return _NAMESPACE.sub(_SLASHED, body)


def _from_one(name: str) -> str:
    found = _COUNTED.match(name)
    return f"{found[1]}.{int(found[2]) + 1}{found[3]}" if found else name


def keep_client_tokens() -> None:
    """Make moto honour client tokens."""
    filter_dict_attribute_mapping["client-token"] = "client_token"
    run_instances = EC2Backend.run_instances

    def once(backend: Any, *arguments: Any, **named: Any) -> Any:
        for reservation in backend.all_reservations():
            if any(_is_of(instance, named["client_token"]) for instance in reservation.instances):
                return reservation
        return run_instances(backend, *arguments, **named)

    setattr(EC2Backend, "run_instances", once)  # noqa: B010 - to mypy a method is for ever


def shorten_instance_types() -> None:
    """Reduce moto's instance types to the fields that the plugin reads."""
    for described in InstanceTypeBackend.instance_types:
        for name in described.keys() - {"name", *_READ_OF_A_TYPE}:
            del described[name]
        for name, parts in _READ_OF_A_TYPE.items():
            if parts and name in described:
                described[name] = {p: v for p, v in described[name].items() if p in parts}


def remember_names() -> None:
    """Let moto find out once by which names an object has a field, and a class its actions.

    Otherwise it does so for each of the 60 fields of each node, whenever it writes the node.
    """
    find = XFormedAttributePicker.get_possible_keys
    found: dict[tuple[Any, ...], list[str]] = {}

    def names(picker: Any, asked: Any) -> list[str]:
        field = (type(asked.obj), asked.shape, asked.key)
        if field not in found:
            found[field] = list(find(picker, asked))
        return found[field]

    setattr(XFormedAttributePicker, "get_possible_keys", names)  # noqa: B010 - as above
    vars(responses)["method_names_from_class"] = cache(method_names_from_class)


def leave_out_latest_images() -> None:
    """Serve the images that moto has in every region, without the hundreds of newer ones.

    Moto needs half a second to write all of them, for each list of images.
    """
    # Moto has read the file of the others already, and asks later whether the variable is set.
    os.environ.setdefault("MOTO_AMIS_PATH", "")


def _is_of(instance: Any, token: str) -> bool:
    return token != _NO_TOKEN and instance.client_token == token


class _Handler(WSGIRequestHandler):
    disable_nagle_algorithm = True  # otherwise each answer waits until its own head is acknowledged


def main() -> None:
    """Serve until standard input ends."""
    keep_client_tokens()
    shorten_instance_types()
    remembers = FORGETFUL not in sys.argv
    if remembers:
        remember_names()
    leave_out_latest_images()
    application = AmazonLike(DomainDispatcherApplication(create_backend_app), remembers=remembers)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201 - the parent process reads this line
    sys.stdin.read()


if __name__ == "__main__":
    main()
