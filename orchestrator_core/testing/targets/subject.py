"""Which plugin is tested, and how it is served for that."""

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
"""What a call of a fake may take: a hook that blocks is found out sooner than a person is gone."""

SOON: Final[Mapping[str, float]] = dict.fromkeys(CLOUD_DEADLINES, _SECONDS)
BACKEND_SOON: Final[Mapping[str, float]] = dict.fromkeys(ASSIGNMENT_DEADLINES, _SECONDS)


@dataclass(frozen=True, slots=True)
class Subject:
    """One plugin.

    Attributes:
        kind: what it is for.
        name: its entry point's name.
        fake: sets up what it is tested against; without it, what the plugin's class names.
        prefix: begins the name of every node that the kit starts.
        live: whether the nodes are real ones, which cost money.
        readme: a file that is held to what came out, if it is to have the table.
    """

    kind: Kind
    name: str
    fake: FakeFactory | None = None
    prefix: str = "conformance"
    live: bool = False
    readme: Path | None = None

    @property
    def label(self) -> str:
        """``cloud nimbus`` say."""
        return f"{self.kind.value} {self.name}"

    def record(self) -> PluginRecord:
        """Find and load it.

        Raises:
            PluginError: when it is not installed, or cannot be loaded.
        """
        record = load_plugins(PluginSettings(allow=(self.name,))).get(self.kind, self.name)
        if record is None:
            raise PluginError(f"no {self.kind.value} plugin called {self.name!r} is installed")
        if record.state is not State.LOADED:
            raise PluginError(f"{record.label} is {record.state.value}: {record.message}")
        return record

    def needs_fake(self, plugin: PluginRecord) -> bool:
        """Whether nobody has said what it is tested against."""
        return self.fake is None and not hasattr(plugin.factory, "fake")

    @contextmanager
    def faked(self, factory: type, nodes: tuple[Node, ...] = ()) -> Iterator[tuple[Fake, Path]]:
        """Set the fake up; give it, and a directory for the server.

        Args:
            factory: the plugin's class.
            nodes: what the cloud beside an assignment backend has.
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
        """Return the settings of a server with this plugin alone.

        Args:
            own: the plugin's own keys.
            cloud: more keys of the cloud beside an assignment backend or an extension.
            visibility: seconds after which a cloud that is no real one shows what was started.
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
