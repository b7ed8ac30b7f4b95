"""User data for cloud-init, for clouds that do not take SSH keys by their content."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from orchestrator_core import StartField
from orchestrator_libcloud.patterns import Pattern

NOTE: Final = "through user data: a cloud-config with ssh_authorized_keys, which cloud-init reads"

_NOT_IN_YAML: Final = Pattern("[\ufffe\uffff]")
"""The characters that only an escape can bring into YAML (YAML 1.2, 5.1), except controls."""

_AROUND: Final = 128
"""Bytes of a cloud-config that are not keys."""

_AROUND_KEY: Final = 4
_SHORTEST_KEY: Final = 64
"""An Ed25519 key has 81 characters."""


def ssh_keys_field(user_data_bytes: int) -> StartField:
    """Return how a cloud takes ``ssh_keys`` through its user data.

    Args:
        user_data_bytes: the most bytes of the cloud's user data.
    """
    free = (user_data_bytes - _AROUND) * _SHORTEST_KEY // (_SHORTEST_KEY + _AROUND_KEY)
    return StartField(note=NOTE, max_bytes=free, excludes=("user_data",))


def user_data_of(user_data: str | None, ssh_keys: Sequence[str]) -> str | None:
    """Return the user data of a start: its own, or a cloud-config with its SSH keys.

    A key pair made from the keys would remain when the start is refused; user data does not.
    Source: cloud-init, module "Authorized keys" (``ssh_authorized_keys``).
    """
    if not ssh_keys:
        return user_data
    # JSON is YAML except for JSON's pairs of escapes for one character, which YAML reads as two
    # halves that are no text. cloud-init would then write no key at all.
    keys = json.dumps(list(ssh_keys), ensure_ascii=False)
    readable = _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", keys)
    return f"#cloud-config\nssh_authorized_keys: {readable}\n"
