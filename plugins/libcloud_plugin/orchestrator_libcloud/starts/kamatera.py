"""The fields of a start at Kamatera."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from orchestrator_core import InvalidParameter, StartField, StartRequest
from orchestrator_libcloud.http.call import current
from orchestrator_libcloud.replacement import replaced
from orchestrator_libcloud.starts import options
from orchestrator_libcloud.starts.looked_up import LookedUpMapping
from orchestrator_libcloud.starts.mapping import StartFields, not_taken
from orchestrator_libcloud.starts.values import ANY

_OPTIONS: Final[options.Kinds] = {
    "ex_billingcycle": str,
    "ex_dailybackup": bool,
    "ex_managed": bool,
}
_WAN: Final = "wan"
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
"""Seconds between the first two checks of a command, doubled up to the longest."""


class KamateraMapping(LookedUpMapping):
    """The mapping of Kamatera, whose starts are commands that take some minutes."""

    image_key = "code"
    size_key = "cpuType"
    lists = {}  # noqa: RUF012 - annotated by the base class
    ids_only = frozenset({"image"})

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how Kamatera takes it, or why it does not; send nothing."""
        return not_taken(driver_class) | {
            "keyname": "Kamatera keeps no keys; give ssh_keys",
            "ssh_keys": StartField(limit=1, note="without a key a password is made"),
            "networks": StartField(id_pattern=ANY, note="the names of private networks"),
            "location": StartField(id_pattern=r"[A-Z]{2}(-[A-Z0-9]+)*", note="a data center"),
            "public_ip": StartField(note="true by default; false needs networks"),
            "root_disk": "The size of a node determines its disk",
            "options": StartField(
                parts=tuple(_OPTIONS), note="arguments of Libcloud's create_node"
            ),
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``."""
        options.checked(request.options, _OPTIONS)
        base = importlib.import_module("libcloud.compute.base")
        arguments: dict[str, Any] = {"ex_networks": _networks(request)}
        if request.ssh_keys:
            arguments["auth"] = base.NodeAuthSSHKey(request.ssh_keys[0])
        if request.location is not None:
            place = request.location
            arguments["location"] = base.NodeLocation(place, place, "", driver)
        return arguments

    def create(self, driver: Any, arguments: Mapping[str, Any]) -> Any:
        """Create the node and wait for its id.

        Libcloud's own wait lasts four seconds at least, and does not end with the call.
        """
        with replaced(driver, "ex_wait_command", partial(_wait, driver)):
            return super().create(driver, arguments)


def _networks(request: StartRequest) -> list[dict[str, str]]:
    """Return the networks of a node: the public one unless it is not wanted, then the others."""
    public = [] if request.public_ip is False else [_WAN]
    names = [*public, *(name for name in request.networks if name != _WAN)]
    if not names:
        raise InvalidParameter("public_ip", "false needs a private network in networks")
    return [{"name": name, "ip": "auto"} for name in names]


def _wait(driver: Any, command_id: Any) -> Any:
    """Wait until a command has ended, and return what Kamatera says of it."""
    pause = _FIRST_PAUSE
    while True:
        command = driver.ex_get_command_status(command_id)
        if command.get("status") == "complete":
            return command
        if command.get("status") == "error":
            raise RuntimeError(f"Command failed: {command.get('log')}")
        if (call := current()) is not None:
            call.check()
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
