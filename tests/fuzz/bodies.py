"""Random bodies for a route: valid ones from its schema, most of them then made invalid."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from marshmallow import Schema, fields

from orchestrator_core.api.body import MAX_DEPTH, MAX_MEMBERS
from orchestrator_core.api.shared.requests import Lease
from orchestrator_core.validation.text import MAX_TEXT, JsonObject

TEXTS: Final = ("1", "2", "3", "dummy-1", "x", "app", "ann", "ünï", "\U0001f600", "a" * MAX_TEXT)
LEASES: Final = ("1s", "2s", "8h", "365d", "1h30m")
WRONG: Final[tuple[Any, ...]] = (
    *(None, True, 0, 1, -1, 2**31 - 1, 2**31, 2**63, 2**64, 10**30, 10**400, 1.5, 1e308, [], {}),
    *(
        "",
        " ",
        "a" * (MAX_TEXT + 1),
        "\0",
        "a\nb",
        "\u2028",
        "\x85",
        "\ufeff",
        "\u202e",
        "é" * MAX_TEXT,
    ),
    *(["1"], {"a": 1}, [[]], "365d1s", "0s", "9" * 400, "True", "false", "../..", "'; --", "%00"),
    *("1" * 300, "{}", "\ud800", "1?x", "1#x", "1/", ".", "..", "1%2f"),
)
"""Values at and beyond the limits, and of every type; a lone surrogate is sent as an escape."""


_OF_KIND: Final[dict[type[fields.Field[Any]], Sequence[Any]]] = {
    Lease: LEASES,
    JsonObject: [{"a": value} for value in (1, "x", None, [1, {"b": 2**63}], 10**25, "é" * 300)],
    fields.Boolean: (True, False, False),
    fields.Integer: (1, 1, 1, 2, 2**31 - 1),
}
_USUAL: Final = {
    **dict.fromkeys(("image", "size"), ("1", "2", "3")),
    **dict.fromkeys(("user", "vm_type", "application"), ("ann", "app")),
    "cloud": ("fake_driver", "fake_driver", "stormy"),
    **dict.fromkeys(("networks", "firewalls"), ([], ["a"], ["a", "b"])),
    "ssh_keys": ([f"ssh-ed25519 {'A' * 68} ann"], []),
    "user_data": ("#cloud-config\n", "é" * 9000),
    "root_disk": ({"size": 30, "type": "gp3", "keep": True}, {}),
    "volumes": ([{"size": 1}, {"id": "v"}], []),
    "tags": ({"team": "a"}, {}),
    "spot": (True, {"max_price": 0.1}),
}
"""Usual values of these fields, so that a good part of the changes is carried out."""


def body_for(chance: random.Random, schema: Schema, nodes: Sequence[str], valid: float) -> bytes:
    """Return a random body.

    Args:
        chance: the random generator.
        schema: the route's schema.
        nodes: existing ids.
        valid: the share of valid ones.
    """
    value = {
        name: _valid(chance, name, field, nodes)
        for name, field in schema.fields.items()
        if field.required or chance.random() < 0.3
    }
    if not set(value) & {"node", "hostname"} and "node" in schema.fields:
        value["node"] = _valid(chance, "node", schema.fields["node"], nodes)
    if chance.random() < valid:
        return json.dumps(value).encode()
    if chance.random() < 0.45:
        return _raw(chance, json.dumps(value).encode())
    for _ in range(chance.choice((1, 1, 1, 3))):
        name = chance.choice([*schema.fields, "unknown", "", "a" * 3000, "nam\0", "ñ", "__class__"])
        value[name] = chance.choice(WRONG)
    if value and chance.random() < 0.15:
        del value[chance.choice(list(value))]
    return json.dumps(value).encode()


def _valid(chance: random.Random, name: str, field: fields.Field[Any], nodes: Sequence[str]) -> Any:
    if name == "node" and nodes and chance.random() < 0.8:
        return chance.choice(nodes)
    if name in _USUAL and chance.random() < 0.9:
        return chance.choice(_USUAL[name])
    options = next((value for kind, value in _OF_KIND.items() if isinstance(field, kind)), TEXTS)
    return chance.choice(options)


def _nested(depth: int) -> bytes:
    return b'{"metadata": ' + b'{"a": ' * depth + b"1" + b"}" * (depth + 1)


_CONSTANT: Final = (
    *(b"", b" \n", b"null", b'{"node": "1", "node": "2"}', b'{"name": NaN}', b'{"a": -0, "a": 0}'),
    *(b'{"name": -Infinity, "a": 1e999}', b'{"generation": ' + b"9" * 5000 + b"}"),
    *(b'{"generation": 1e2, "lease": 0x10}', b'{"a": ' + b"[" * 100_000, b"/* */ {}"),
    *(_nested(MAX_DEPTH - 2), _nested(MAX_DEPTH + 1), _nested(3000)),
    b'{"metadata": {' + b",".join(b'"%d":1' % n for n in range(MAX_MEMBERS)) + b"}}",
    b'{"metadata": {"a": "' + b"a" * 60_000 + b'"}}',
    b'{"a": "' + b"a" * (1 << 20) + b'"}',
    b"{" + b'"a":1,' * 3000 + b'"a":1}',
    b"{" + b",".join(b'"k%d":1' % n for n in range(900)) + b"}",
)

_CHANGED: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda body: b"[" + body + b"]",
    lambda body: body + body,
    lambda body: body[:-1],
    lambda body: body[:-1] + b",}",
    lambda body: b"\xef\xbb\xbf" + body,
    lambda body: body.decode().encode("utf-16"),
    lambda body: body.decode().encode("utf-32"),
    lambda body: body.replace(b'"', b"'"),
    lambda body: body.replace(b'": "', b'": "\xff'),
    lambda body: body.replace(b'": "', b'": "\x00'),
    lambda body: body.replace(b'": "', b'": "\xed\xa0\x80'),
    lambda body: body.replace(b'": "', b'": "\\udfff'),
    lambda body: body[:-1] + b', "name": "a", "name": "a"}',
)


def _raw(chance: random.Random, body: bytes) -> bytes:
    way = chance.random()
    if way < 0.35:
        return chance.choice(_CONSTANT)
    if way < 0.7:
        return chance.choice(_CHANGED)(body)
    if way < 0.8:
        return chance.randbytes(chance.randrange(1, 60))
    if way < 0.9:
        return body[: chance.randrange(len(body) + 1)]
    return _flip(chance, body)


def _flip(chance: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)
