"""The plugin that is tested, and the settings of its server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from orchestrator_core.errors import PluginError
from orchestrator_core.model import Node
from orchestrator_core.plugins.loader import load_plugins
from orchestrator_core.plugins.record import Kind, PluginRecord, State
from orchestrator_core.settings.deadlines import ASSIGNMENT_DEADLINES, CLOUD_DEADLINES
from orchestrator_core.settings.model import PluginSettings
from orchestrator_core.testing.fake import Fake, FakeFactory, Stage, fake_of
from orchestrator_core.testing.targets.stage import STAGE_BACKEND, STAGE_CLOUD

_SECONDS: Final = 20.0
"""The deadline of a call of a fake; short, so that a hook that blocks is reported soon."""

SOON: Final[Mapping[str, float]] = dict.fromkeys(CLOUD_DEADLINES, _SECONDS)
BACKEND_SOON: Final[Mapping[str, float]] = dict.fromkeys(ASSIGNMENT_DEADLINES, _SECONDS)


@dataclass(frozen=True, slots=True)
class Subject:
    """The plugin that is tested.

    Attributes:
        kind: The kind of the plugin.
        name: The name of its entry point.
        fake: A function that sets up the fake; None for the one that the plugin's class names.
        prefix: The prefix of the name of every node that the kit starts.
        live: Whether the nodes are real and cost money.
        readme: A README whose table is compared with the results; None for no comparison.
    """

    kind: Kind
    name: str
    fake: FakeFactory | None = None
    prefix: str = "conformance"
    live: bool = False
    readme: Path | None = None

    @property
    def label(self) -> str:
        """The kind and name, for example ``cloud nimbus``."""
        return f"{self.kind.value} {self.name}"

    def record(self) -> PluginRecord:
        """Find and load the plugin.

        Raises:
            PluginError: The plugin is not installed, or cannot be loaded.
        """
        record = load_plugins(PluginSettings(allow=(self.name,))).get(self.kind, self.name)
        if record is None:
            raise PluginError(f"no {self.kind.value} plugin called {self.name!r} is installed")
        if record.state is not State.LOADED:
            raise PluginError(f"{record.label} is {record.state.value}: {record.message}")
        return record

    def needs_fake(self, plugin: PluginRecord) -> bool:
        """Return whether neither the subject nor the plugin's class names a fake."""
        return self.fake is None and not hasattr(plugin.factory, "fake")

    @contextmanager
    def faked(self, factory: type, nodes: tuple[Node, ...] = ()) -> Iterator[tuple[Fake, Path]]:
        """Set up the fake; provide it and a directory for the server.

        Args:
            factory: The plugin's class.
            nodes: The nodes of the cloud, for a test of an assignment backend.
        """
        with ExitStack() as stack:
            root = Path(stack.enter_context(TemporaryDirectory(prefix="orchestrator-test-")))
            server, stage = root / "server", root / "fake"
            server.mkdir()
            stage.mkdir()
            make = self.fake or fake_of(factory)
            yield stack.enter_context(make(Stage(stage, nodes))), server

    def settings(
        self,
        own: Mapping[str, Any],
        cloud: Mapping[str, Any] | None = None,
        visibility: float = 1.0,
    ) -> dict[str, Any]:
        """Return the settings of a server with only this plugin and the plugins that it needs.

        Args:
            own: The plugin's own keys.
            cloud: Further keys of the cloud in a test of an assignment backend or an extension.
            visibility: The seconds after which a simulated cloud shows a started node.
        """
        data: dict[str, Any] = {"default_cloud": "cloud", "plugins": {"allow": [self.name]}}
        if self.kind is Kind.CLOUD:
            shown = {} if self.live else {"visibility_timeout": visibility, "deadlines": SOON}
            return {**data, "clouds": {"cloud": {**shown, **own, "driver": self.name}}}
        data["plugins"]["allow"].append(STAGE_CLOUD)
        beside = {"driver": STAGE_CLOUD, "visibility_timeout": visibility, **(cloud or {})}
        if self.kind is Kind.ASSIGNMENT:
            data["clouds"] = {"cloud": {**beside, "assignment": "backend"}}
            data["assignments"] = {
                "backend": {"deadlines": BACKEND_SOON, **own, "backend": self.name}
            }
        else:
            data["plugins"]["allow"].append(STAGE_BACKEND)
            data["clouds"] = {"cloud": {**beside, "assignment": "backend"}}
            data["assignments"] = {"backend": {"backend": STAGE_BACKEND}}
            data["extensions"] = {"extension": {"extension": self.name, **own}}
        return data
