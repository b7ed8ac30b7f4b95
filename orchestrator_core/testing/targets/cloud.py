"""A cloud behind a running API."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

from orchestrator_core.clouds.driver import NO_HINTS
from orchestrator_core.errors import (
    CloudTimeout,
    InvalidAnswer,
    NodeNotFound,
    OrchestratorError,
    RequestError,
)
from orchestrator_core.plugins.record import Kind
from orchestrator_core.testing.targets.api import V2, Answer, Json
from orchestrator_core.testing.targets.lossy import lossy
from orchestrator_core.testing.targets.serving import Served
from orchestrator_core.testing.targets.strange_ids import strange_ids
from orchestrator_core.testing.targets.target import DoesNotApply, UnderTest, expect
from orchestrator_core.testing.targets.witness import HANGS

_CLOUD: Final = f"{V2}/clouds/cloud"

_ROUTES: Final[dict[str, tuple[str, str, Json | None]]] = {
    "list_nodes": ("GET", "/nodes/cloud", None),
    "list_images": ("GET", "/images/cloud", None),
    "list_sizes": ("GET", "/sizes/cloud", None),
    "list_locations": ("GET", "/locations/cloud", None),
    "list_keypairs": ("GET", f"{_CLOUD}/keypairs", None),
    "list_networks": ("GET", f"{_CLOUD}/networks", None),
    "list_firewalls": ("GET", f"{_CLOUD}/firewalls", None),
    "get_node": ("GET", "/nodes/cloud/any", None),
    "start_vm": ("POST", "/vm/start/cloud", {"name": "x", "image": "x", "size": "x"}),
    "stop_vm": ("PUT", "/vm/stop/cloud", {"node": "x"}),
    "reboot_vm": ("PUT", "/vm/action/reboot/cloud", {"node": "x"}),
    "power_on_vm": ("PUT", "/vm/action/poweron/cloud", {"node": "x"}),
    "power_off_vm": ("PUT", "/vm/action/poweroff/cloud", {"node": "x"}),
    "resize_vm": ("POST", f"{_CLOUD}/nodes/x/actions/resize", {"size": "x"}),
    "rename_vm": ("POST", f"{_CLOUD}/nodes/x/actions/rename", {"name": "x"}),
    "create_image": ("POST", f"{_CLOUD}/nodes/x/actions/create_image", {"name": "x"}),
    "get_console_output": ("GET", f"{_CLOUD}/nodes/x/console", None),
}
"""The request for each hook; ``find_node`` and ``confirm_resize`` have no route."""

_OF_VERSION_2: Final = frozenset(
    hook for hook, (_, path, _) in _ROUTES.items() if path.startswith(V2)
)


class CloudUnderTest(UnderTest):
    """The actions and reads that tests of a cloud need.

    Attributes:
        made: The ids of the nodes that the tests have started.
        swept: Whether :meth:`sweep` has been called.
    """

    swept = False

    def _serve(self) -> Served:
        if self.subject.kind is Kind.CLOUD:
            plugin = self.plugin
            self.factories = {plugin.name: lossy(plugin.factory, plugin.hooks)}
        self.made: set[str] = set()
        return super()._serve()

    @cached_property
    def beside(self) -> Served:
        """A second server with other clouds of this plugin.

        ``again`` has the same settings. The clouds ``unreachable`` and ``refused`` exist if the
        fake has settings for them.
        """
        fake = self.fake
        several = {"again": fake.settings, "unreachable": fake.unreachable, "refused": fake.refused}
        data = self.settings({})
        data["clouds"] = {
            name: {**data["clouds"]["cloud"], **own, "retries": 0}
            for name, own in several.items()
            if own is not None
        }
        return self.elsewhere({**data, "default_cloud": "again"})

    def settings(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of a server, which allow the options that the fake names.

        Args:
            own: The plugin's own keys.
        """
        options = self.fake_given.start_values.get("options")
        more = {} if options is None else {"start_options": list(options)}
        return super().settings({**more, **own})

    def refuses(self, hook: str) -> None:
        """Check the refusal of a hook, which has the reason that the report gives.

        Its status is 501 in version 1, and 422 in version 2.
        """
        if hook in _ROUTES:
            method, path, body = _ROUTES[hook]
            answer = self.api.send(method, path, body)
            reason = str(self.operations()[hook]["reason"])
            expect(answer, 422 if path.startswith(V2) else 501, reason, code="unsupported")

    def listed(self, what: str) -> list[Json]:
        """Return one of the lists, such as ``nodes``, ``images``, ``flavors`` or ``networks``."""
        path = f"{_CLOUD}/{what}" if f"list_{what}" in _OF_VERSION_2 else f"/{what}/cloud"
        things: list[Json] = expect(self.api.get(path), 200)[what]
        return things

    def page(self, limit: int, cursor: str | None = None) -> Json:
        """Return the answer to a request for a page of the list of nodes."""
        after = "" if cursor is None else f"&cursor={quote(cursor, safe='')}"
        answer: Json = expect(self.api.get(f"{_CLOUD}/nodes?limit={limit}{after}"), 200)
        return answer

    def walked(self, limit: int) -> list[str]:
        """Return the ids of the list of nodes, fetched page by page."""
        found: list[str] = []
        cursors: list[str | None] = [None]
        while True:
            answer = self.page(limit, cursors[-1])
            found += [node["id"] for node in answer["nodes"]]
            if answer["next"] is None or answer["next"] in cursors:
                return found
            cursors.append(answer["next"])

    def nodes(self) -> dict[str, Json]:
        """Return the nodes that are not terminated, by id."""
        return {node["id"]: node for node in self.listed("nodes") if node["state"] != TERMINATED}

    def nearly(self, *node_ids: str) -> list[str]:
        """Return ids that are similar to a node's id and belong to no node.

        Args:
            node_ids: The ids of all nodes.

        Returns:
            The ids; none for a real cloud, where a plugin's mistake could destroy another node.
        """
        if self.subject.live or not node_ids:
            return []
        some = max(node_ids)
        nearly = [some[:-1], f"{some}0", some.swapcase(), f" {some}"]
        return [one for one in nearly if one.strip() and one not in (*node_ids, *self.made)]

    def lists_as_promised(self) -> None:
        """Check that each list has the model's types and returns within seconds.

        Every other behaviour needs the lists. Other errors of a list are left to its own
        behaviour.

        Raises:
            AssertionError: A list has other types, or did not return by its deadline.
        """
        for hook in (hook for hook in _ROUTES if hook.startswith("list_")):
            try:
                self.served.read("cloud", hook)
            except InvalidAnswer as error:
                raise AssertionError(error.message) from None
            except CloudTimeout as error:
                if HANGS in error.message:
                    raise AssertionError(f"{hook} blocks: {error.message}") from None
            except OrchestratorError:
                pass

    def strange(self, some_id: str) -> list[str]:
        """Return ids that name another object if a plugin puts them into a URL unescaped.

        Args:
            some_id: The id of the other object.

        Raises:
            DoesNotApply: The cloud is real; a plugin's mistake could destroy another node.
        """
        if self.subject.live:
            raise DoesNotApply("a live run sends no id that is similar to another node's")
        return strange_ids(some_id)

    def has_none(self, hook: str, node_id: str, **more: object) -> None:
        """Check that a hook raises ``NodeNotFound`` for an id.

        Args:
            hook: The name of the hook.
            node_id: The id, which no node has.
            more: The hook's other arguments.

        The kit calls the hook directly. Through HTTP, the core would look the node up first and
        refuse the id itself.
        """
        try:
            self.served.ask("cloud", hook, node_id=node_id, **more)
        except NodeNotFound as error:
            named = node_id in error.message
            wrong = "" if named else f"its message does not name the id: {error.message}"
        except OrchestratorError as error:
            wrong = f"it raised {type(error).__name__} ({error.code}): {error.message}"
        else:
            wrong = "it accepted the id"
        assert not wrong, f"{hook} must raise NodeNotFound for the id {node_id!r}; {wrong}"

    def takes_none(
        self, hook: str, more: Mapping[str, object] = NO_HINTS, /, **argument: str
    ) -> None:
        """Check that a hook refuses a strange id, as unknown or as malformed.

        Args:
            hook: The name of the hook, which is called directly, as in :meth:`has_none`.
            more: The hook's other arguments.
            argument: The id, under the hook's own name for it.
        """
        (wanted,) = argument.values()
        try:
            self.served.ask("cloud", hook, **argument, **more)
        except RequestError:
            return
        except OrchestratorError as error:
            wrong = f"it raised {type(error).__name__} ({error.code}): {error.message}"
        else:
            wrong = "it accepted the id"
        raise AssertionError(f"{hook} must refuse the id {wanted!r}; {wrong}")

    def start_body(self, name: str = "") -> Json:
        """Return the body of a start that should succeed."""
        image, size = self._image_and_size
        wanted = f"{self.subject.prefix}-{name}" if name else self.subject.prefix
        return {"name": wanted, "image": image, "size": size}

    @cached_property
    def _image_and_size(self) -> tuple[str, str]:
        image = self.fake.image or self.listed("images")[0]["id"]
        return image, self.fake.size or self.listed("flavors")[0]["id"]

    def start_fields(self) -> dict[str, Json]:
        """Return how the cloud takes each optional field of a start."""
        shown: Json = expect(self.api.get("/cloud/cloud"), 200)["cloud"]["start_fields"]
        return shown

    def try_start(self, body: Json, **headers: str) -> Answer:
        """Send a start; remember the node if it was started."""
        self.must_answer("start_vm")
        answer = self.api.post("/vm/start/cloud", body, **headers)
        if answer.status == 200:  # noqa: PLR2004
            self.made.add(answer.json["nodes"]["id"])
        return answer

    def start(self, name: str = "") -> Json:
        """Start a node, and wait until the list shows it."""
        node: Json = expect(self.try_start(self.start_body(name)), 200)["nodes"]
        self.wait_until_listed(node["id"])
        return node

    def some_node(self, *but: str) -> str:
        """Return the id of a node that a test may stop: a new one, if nodes can be started.

        Args:
            but: The ids of nodes that must not be returned.

        Raises:
            DoesNotApply: The cloud is real, and its driver cannot start a node.
        """
        if self.operations()["start_vm"]["supported"]:
            return str(self.start()["id"])
        if self.subject.live:
            raise DoesNotApply("a live run uses only nodes that it started, and cannot start any")
        others = sorted(set(self.nodes()) - set(but))
        assert others, "a driver without start_vm needs a fake with two nodes"
        return others[0]

    def stop(self, node_id: str) -> None:
        """Destroy a node, and wait until it is gone."""
        expect(self.api.put("/vm/stop/cloud", {"node": node_id}), 200)
        self.wait_until_gone(node_id)

    def act(self, node_id: str, action: str, body: Json) -> Answer:
        """Send an action of version 2 on a node: ``resize``, ``rename`` or ``create_image``."""
        return self.api.post(f"{_CLOUD}/nodes/{quote(node_id, safe='')}/actions/{action}", body)

    def left(self) -> set[str]:
        """Return the ids of the nodes that the run started and that still exist."""
        return {
            node_id
            for node_id, node in self.nodes().items()
            if node_id in self.made or node["name"].startswith(self.subject.prefix)
        }

    def sweep(self) -> None:
        """Destroy all nodes that the run started."""
        self.swept = True
        for node_id in self.left():
            expect(self.api.put("/vm/stop/cloud", {"node": node_id}), 200)
        for node_id in self.left():
            self.wait_until_gone(node_id)

    def wait_until_listed(self, node_id: str) -> Json:
        """Wait until the list shows a node; return it."""
        shown = f"node {node_id!r} must appear in the list of nodes"
        return self.wait_for(self.nodes, lambda nodes: node_id in nodes, shown)[node_id]

    def wait_until_gone(self, node_id: str) -> None:
        """Wait until a node is no longer in the list, or is terminated."""
        gone = f"node {node_id!r} must disappear from the list of nodes"
        self.wait_for(self.nodes, lambda nodes: node_id not in nodes, gone)

    def wait_for_state(self, node_id: str, *states: int) -> None:
        """Wait until a node is in one of these states, given as version 1's numbers."""
        reached = f"node {node_id!r} must reach one of the states {states}"
        self.wait_for(lambda: self.state(node_id), lambda seen: seen in states, reached)

    def shown(self, node_id: str) -> Json:
        """Return a node as version 2 shows it."""
        path = f"/clouds/cloud/nodes/{quote(node_id, safe='')}"
        return expect(self.api.get_version_2(path), 200)

    def state(self, node_id: str) -> int | None:
        """Return a node's state as version 1's number; None if it is not in the list."""
        node = self.nodes().get(node_id)
        return None if node is None else int(node["state"])


RUNNING: Final = 0
TERMINATED: Final = 2
UNKNOWN: Final = 4
STOPPED: Final = 5
SUSPENDED: Final = 6
ERROR: Final = 7
PAUSED: Final = 8
