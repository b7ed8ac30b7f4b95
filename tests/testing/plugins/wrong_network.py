"""A plugin that connects to its server when it is imported."""

from __future__ import annotations

import socket
from contextlib import suppress

from good_extension import GoodExtension

with suppress(OSError, RuntimeError):
    socket.create_connection(("127.0.0.1", 9), 1).close()


class AsksTheNetwork(GoodExtension):
    breaks, says = "S5", "the import uses the network"
