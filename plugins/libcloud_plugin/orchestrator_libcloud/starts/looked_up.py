"""The base of mappings whose drivers read more of image and size than their ids."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

from orchestrator_core import StartRequest
from orchestrator_libcloud.starts.mapping import StartMapping


class LookedUpMapping(StartMapping):
    """A mapping that takes image and size as the core has looked them up.

    Nothing is fetched a second time, unless the core has only the id.
    """

    image_key: ClassVar[str]
    """A key that every image of the provider has in its ``extra``."""

    size_key: ClassVar[str]
    """A key that every size of the provider has in its ``extra``."""

    def image(self, driver: Any, request: StartRequest, region: str | None) -> dict[str, Any]:
        """Return the argument with the image."""
        image = request.image
        if self.image_key not in image.extra:
            return super().image(driver, request, region)
        base = importlib.import_module("libcloud.compute.base")
        return {"image": base.NodeImage(image.id, image.name, driver, extra=dict(image.extra))}

    def size(self, driver: Any, request: StartRequest, region: str | None) -> dict[str, Any]:
        """Return the argument with the size."""
        size = request.size
        if self.size_key not in size.extra:
            return super().size(driver, request, region)
        base = importlib.import_module("libcloud.compute.base")
        known = {"ram": size.ram, "disk": size.disk, "extra": dict(size.extra)}
        found = base.NodeSize(
            size.id, size.name, bandwidth=None, price=None, driver=driver, **known
        )
        return {"size": found}
