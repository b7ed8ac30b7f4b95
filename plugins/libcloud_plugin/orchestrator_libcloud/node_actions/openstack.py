"""OpenStack's Nova, from API version 1.1 on.

Source: OpenStack Compute API: "Resize Server", "Confirm Resized Server", "Update Server",
"Create Image", "Show Console Output".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import Conflict, Image, InvalidAnswer, Refused, Size
from orchestrator_libcloud.http.call import current
from orchestrator_libcloud.http.redaction import Redactor
from orchestrator_libcloud.node_actions.base import NodeActions

_CONFLICT: Final = 409
_RESIZED: Final = "resized"
"""``OS-EXT-STS:vm_state`` of a server in the state VERIFY_RESIZE."""
_FAILED: Final = "error"


class OpenStackActions(NodeActions):
    """The actions of OpenStack.

    * A resized server waits in VERIFY_RESIZE until it is confirmed, with both copies of its disk.
    * ``create_image`` reads the id of the image from a header that Nova leaves out from
      microversion 2.45 on, and then asks Glance for the image.
    """

    def resize(self, driver: Any, node: Any, size: Any) -> bool | None:
        """Request the new flavor."""
        return bool(driver.ex_resize(node, size))

    def confirm_resize(self, driver: Any, node: Any, size: Size) -> bool:
        """Confirm a resize that waits for it.

        Raises:
            Refused: the server has another flavor and no resize is in progress.
        """
        extra = node.extra
        state, task = extra.get("vm_state"), extra.get("task_state")
        has_size = _has_flavor(extra, size)
        if state == _FAILED:
            why = _fault_of(extra)
            raise Refused(f"The resize has left node {node.id} in the state error: {why}")
        if task is not None:
            return False
        if not has_size:
            raise Refused(f"Node {node.id} has not got the size {size.name!r}: it was not resized")
        # Without a state (a policy may hide it), only the attempt shows whether Nova waits.
        return state not in (_RESIZED, None) or self._confirm(driver, node, state)

    @staticmethod
    def _confirm(driver: Any, node: Any, state: str | None) -> bool:
        try:
            return bool(driver.ex_confirm_resize(node))
        except Conflict:
            return state is None
        except Exception as error:
            if getattr(error, "code", None) != _CONFLICT:
                raise
            return state is None

    def rename(self, driver: Any, node: Any, name: str) -> bool | None:
        """Set the server's name; its hostname inside stays."""
        driver.ex_set_server_name(node, name)
        return True

    def create_image(self, driver: Any, node: Any, name: str) -> Image:
        """Make an image; Glance has it at once, in the state queued."""
        answer = driver._node_action(node, "createImage", name=name)  # noqa: SLF001
        body = answer.object if isinstance(answer.object, dict) else {}
        place = answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
        image_id = body.get("image_id") or place
        if not image_id:
            raise InvalidAnswer("Nova has accepted to make an image and has not named it")
        return Image(str(image_id), name)

    def console(self, driver: Any, node: Any) -> str:
        """Return the console log."""
        return str(driver.ex_get_console_output(node).get("output") or "")


def _fault_of(extra: Any) -> str:
    """Return Nova's reason for the state error, without secrets and addresses."""
    fault, call = extra.get("fault"), current()
    message = fault.get("message") if isinstance(fault, Mapping) else None
    redact = Redactor() if call is None else call.terms.redact
    return (redact(message) if isinstance(message, str) else "") or "Nova gives no reason"


def _has_flavor(extra: Any, size: Size) -> bool:
    """Return whether a server has a flavor; from microversion 2.47 on only its name is shown."""
    if extra.get("flavorId") is not None:
        return bool(str(extra["flavorId"]) == size.id)
    return bool((extra.get("flavor_details") or {}).get("original_name") == size.name)
