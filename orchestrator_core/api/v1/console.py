"""The route that shows what a node has written to its console."""

from __future__ import annotations

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.v1 import encoding, requests
from orchestrator_core.api.v1.base import CloudResource
from orchestrator_core.clouds.cloud import Question
from orchestrator_core.model import CloudDescription


class ConsoleResource(CloudResource):
    """``GET /vm/console{/<cloud>}?node=`` or ``?hostname=``."""

    async def on_get(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Answer with the end of a node's console output, at most 1 MiB."""
        asked = self.cloud(cloud)
        given = {name: req.params[name] for name in requests.WHICH_VM.fields if name in req.params}
        vm = requests.load(requests.WHICH_VM, given)
        which = {"node": vm.get("node"), "hostname": vm.get("hostname")}
        reading = await self.read(req, asked, Question("get_console_output", _encoded, which))
        resp.data = reading.value


def _encoded(_: CloudDescription, output: str) -> bytes:
    return encoding.encode({"output": output})
