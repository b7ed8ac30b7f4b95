"""Routes of the nodes of one cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import falcon
from marshmallow import Schema

from orchestrator_core.api.errors import MethodNotImplemented
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared import encoding
from orchestrator_core.api.shared.cloud_resource import Parameters
from orchestrator_core.api.shared.conditional import answer_unchanged, etag_of, is_unchanged
from orchestrator_core.api.shared.description import RENAME_REFUSALS
from orchestrator_core.api.shared.requests import load
from orchestrator_core.api.v2 import queries, requests, schemas
from orchestrator_core.api.v2.changes import ChangeResource
from orchestrator_core.api.v2.cursors import Window, window
from orchestrator_core.api.v2.lists import Listing, ListResource, page_of_cloud
from orchestrator_core.api.v2.node_path import NodePath
from orchestrator_core.api.v2.node_shapes import KeptAnswers, NodeShape, NodesShape
from orchestrator_core.api.v2.selection import EVERYTHING, PARAMETERS, Selection
from orchestrator_core.api.v2.shapes import ListAnswer
from orchestrator_core.broker.operations.change import Change, Made, Started, VmReference
from orchestrator_core.broker.operations.start_order import start_order
from orchestrator_core.clouds.cloud import Cloud, Question
from orchestrator_core.errors import OrchestratorError, SizeNotFound
from orchestrator_core.model import CloudDescription

_PARAMETERS: Final = (*PARAMETERS, "limit", "cursor")

NODES: Final = Listing("list_nodes", schemas.NodeSchema)


@dataclass(frozen=True, slots=True)
class Action:
    """An action on a node.

    Attributes:
        hook: the hook that carries it out.
        summary: what it does.
        schema: the schema of the body.
        answer: the schema of the answer.
        example: the example of the body.
        raises: the errors that other actions do not have.
    """

    hook: str
    summary: str
    schema: type[Schema] = requests.NothingSchema
    answer: type[Schema] = schemas.ActedSchema
    example: Mapping[str, str] = field(default_factory=dict)
    raises: tuple[type[OrchestratorError], ...] = ()


ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {
        "reboot": Action("reboot_vm", "Reboot a VM."),
        "start": Action("power_on_vm", "Switch a VM on."),
        "stop": Action("power_off_vm", "Switch a VM off."),
        "resize": Action(
            "resize_vm",
            "Give a VM another size.",
            requests.ResizeSchema,
            example={"size": "2"},
            raises=(SizeNotFound,),
        ),
        "rename": Action(
            "rename_vm",
            "Give a VM another name.",
            requests.NameSchema,
            example={"name": "db-1"},
            raises=RENAME_REFUSALS,
        ),
        "create_image": Action(
            "create_image",
            "Make an image of a VM.",
            requests.NameSchema,
            schemas.ImageMadeSchema,
            {"name": "db-backup"},
        ),
    }
)
"""The actions on a node by the last part of their path."""


class NodesResource(ChangeResource[Started], ListResource):
    """``GET`` and ``POST /clouds/{cloud}/nodes``."""

    operation = "start_vm"
    schema = requests.CreateNodeSchema()
    created = True

    def __init__(self, services: Services) -> None:
        ListResource.__init__(self, services, "nodes", NODES)
        self._kept = KeptAnswers()
        self._whole: dict[Cloud, Question[ListAnswer]] = {}

    async def on_get(self, req: Request, resp: Response, cloud: str = "", **_: str) -> None:
        """Answer with the nodes of a cloud."""
        given = queries.parameters(req, _PARAMETERS)
        asked = self.cloud(cloud)
        if given:
            question = self._question(asked, window(given), Selection.read(given))
        else:  # the usual request, whose question is made once
            question = self._whole.get(asked) or self._question(asked, Window(), EVERYTHING)
            self._whole[asked] = question
        await self.answer_list(req, resp, asked, question, given)

    def _question(self, asked: Cloud, page: Window, selection: Selection) -> Question[ListAnswer]:
        shape = NodesShape(asked, page, selection, self.services.broker.view, self._kept)
        is_chosen = selection != EVERYTHING
        part = {} if is_chosen else page_of_cloud(asked, "list_nodes", page)
        return Question("list_nodes", shape, part)

    async def on_post(self, req: Request, resp: Response, cloud: str = "", **_: str) -> None:
        """Start a node; answer once the cloud has accepted it, or as ``wait_for`` says."""
        queries.parameters(req, [])
        req.context.cloud = self.cloud(cloud).name
        await self.carry_out(req, resp, cloud)

    async def make(self, change: Change, wanted: Parameters) -> Started:
        """Start the node."""
        checked = load(self.schema, wanted)
        order = await start_order(change.cloud, checked)
        return await self.services.broker.start_vm(change, order)


class NodeResource(ChangeResource[Made]):
    """``GET`` and ``DELETE /clouds/{cloud}/nodes/{id}``, and ``POST`` of an action on it."""

    operation = "stop_vm"
    schema = requests.NothingSchema()

    async def on_get(
        self, req: Request, resp: Response, cloud: str = "", node: str = "", **_: str
    ) -> None:
        """Answer with one node, or with what it has written to its console."""
        _check_no_action(req, node)
        queries.parameters(req, [])
        asked = self.cloud(cloud)
        if node.endswith(_CONSOLE):
            which = {"node": node.removesuffix(_CONSOLE), "hostname": None}
            output = await self.read(req, asked, Question("get_console_output", _output, which))
            resp.data = output.value
            return
        shape = NodeShape(asked, self.services.broker.view)
        reading = await self.read(req, asked, Question("get_node", shape, {"node": node}))
        etag = etag_of(reading.value)
        if is_unchanged(req, etag):
            answer_unchanged(resp, etag)
            return
        resp.set_header("ETag", etag)
        resp.data = reading.value

    async def on_delete(
        self, req: Request, resp: Response, cloud: str = "", node: str = "", **_: str
    ) -> None:
        """Destroy a node; answer once the cloud has accepted it."""
        _check_no_action(req, node)
        await self._act(req, resp, cloud, node, _DESTROY)

    async def on_post(
        self, req: Request, resp: Response, cloud: str = "", node: str = "", **_: str
    ) -> None:
        """Carry out an action on a node."""
        parts = NodePath.of(node)
        if parts.action is None:
            req.context.served = _OF_CONSOLE if node.endswith(_CONSOLE) else _OF_NODE
            raise MethodNotImplemented
        action = ACTIONS.get(parts.action)
        if action is None:
            raise falcon.HTTPRouteNotFound
        await self._act(req, resp, cloud, parts.node_id, action)

    async def on_options(
        self, req: Request, resp: Response, cloud: str = "", node: str = "", **_: str
    ) -> None:
        """Answer with the methods of a node, or of an action on it."""
        served = _OF_ACTION if NodePath.of(node).action in ACTIONS else _OF_NODE
        if node.endswith(_CONSOLE):
            served = _OF_CONSOLE
        resp.set_header("Allow", ", ".join(sorted(served)))
        resp.data = b""

    async def _act(
        self, req: Request, resp: Response, cloud: str, node_id: str, action: Action
    ) -> None:
        queries.parameters(req, [])
        req.context.cloud = self.cloud(cloud).name
        await _Change(self.services, action, node_id).carry_out(req, resp, cloud)


_OF_NODE: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS"})
_OF_ACTION: Final = frozenset({"OPTIONS", "POST"})
"""The methods of a path to a node, and of a path to an action on it."""


_CONSOLE: Final = "/console"
_OF_CONSOLE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def _output(_: CloudDescription, output: str) -> bytes:
    return encoding.encode({"output": output})


def _check_no_action(req: Request, node: str) -> None:
    """Refuse a method that only a node has, at the path of an action.

    Raises:
        MethodNotImplemented: when the path names an action.
    """
    if NodePath.of(node).action in ACTIONS:
        req.context.served = _OF_ACTION
        raise MethodNotImplemented
    if node.endswith(_CONSOLE) and req.method == "DELETE":
        req.context.served = _OF_CONSOLE
        raise MethodNotImplemented


_DESTROY: Final = Action("stop_vm", "Destroy a VM.")


class _Change(ChangeResource[Made]):
    """A change of one node, for one request."""

    def __init__(self, services: Services, action: Action, node_id: str) -> None:
        super().__init__(services)
        self.operation = action.hook
        self.schema = action.schema()
        self._node_id = node_id

    def parameters(self, wanted: Parameters) -> Parameters:
        """Return the parameters of the action, as extensions see them."""
        return {**wanted, "node": self._node_id}

    async def raw_body(self, req: Request) -> Parameters:
        """Return the body; most actions need none."""
        return await super().raw_body(req) if req.content_length else {}

    async def make(self, change: Change, wanted: Parameters) -> Made:
        """Make the change."""
        vm = VmReference(wanted["node"])
        arguments = {name: value for name, value in wanted.items() if name != "node"}
        return await self.services.broker.act(change, self.operation, vm, arguments)
