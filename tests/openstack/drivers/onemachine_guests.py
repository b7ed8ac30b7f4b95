"""Nova's fake hypervisor, with guests that take time to start and snapshots that have bytes."""

import io
import os
import time
from typing import Any

from nova.image import glance
from nova.virt import fake


class Driver(fake.FakeDriver):  # type: ignore[misc]
    """A spawn takes ``SPAWN_SECONDS``, 2 by default."""

    def spawn(self, *arguments: Any, **more: Any) -> None:
        """Start a guest."""
        time.sleep(float(os.environ.get("SPAWN_SECONDS", "2")))
        super().spawn(*arguments, **more)

    def snapshot(self, context: Any, instance: Any, image_id: str, update_task_state: Any) -> None:
        """Upload a few bytes, so that Glance makes the image active."""
        super().snapshot(context, instance, image_id, update_task_state)
        images = glance.API()
        about = {"disk_format": "raw", "container_format": "bare"}
        about["name"] = images.get(context, image_id)["name"]
        images.update(context, image_id, about, io.BytesIO(b"snapshot"))
