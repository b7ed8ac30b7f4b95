"""A mechanism driver of Neutron that binds every port, with no agent."""

from typing import Any

from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class Driver(api.MechanismDriver):  # type: ignore[misc]
    """Each port is bound to its network's first segment."""

    def initialize(self) -> None:
        """Need nothing."""

    def bind_port(self, context: Any) -> None:
        """Bind as a bridge would."""
        segment = context.segments_to_bind[0]
        context.set_binding(segment[api.ID], portbindings.VIF_TYPE_BRIDGE, {}, status="ACTIVE")
