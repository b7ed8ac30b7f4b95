"""Libcloud's recorded answers through this plugin: as complete as from Libcloud alone."""

from __future__ import annotations

from typing import Any

import pytest
from recorded_clouds import LISTS, class_names, recorded

from orchestrator_core import OrchestratorError, Unsupported

REASONS = {
    ("CloudSigmaAPI20DirectTestCase", "list_images"): "has more of this list",
    ("CloudSigmaAPI20IndirectTestCase", "list_images"): "has more of this list",
    # The recorded answer names a next page; the mock answers that request with the same page.
    ("GCENodeDriverTest2", "list_sizes"): "repeats a page",
}
"""Lists from recorded answers that announce further pages."""


@pytest.mark.parametrize("name", class_names())
def test_lists_are_as_libcloud_alone_makes_them(name: str) -> None:
    with recorded(name) as cloud:
        if cloud is None:
            pytest.skip("sets no driver up")
        for listed in LISTS:
            cloud.edge.bodies = []
            alone = _alone(cloud.driver, listed)
            is_asked_for = bool(cloud.edge.bodies)
            if alone is None:
                continue
            reason = REASONS.get((name.partition(".")[2], listed))
            if reason is not None:
                with pytest.raises(OrchestratorError, match=reason):
                    cloud.call(listed)
                continue
            try:
                found = cloud.call(listed)
            except Unsupported:
                continue
            assert all(thing.id for thing in found)
            if cloud.edge.bodies and not is_asked_for:
                continue  # a list inside Libcloud, which the plugin requests from the cloud
            assert len(found) >= len(alone)
            ids = {str(thing.id) for thing in alone if getattr(thing, "id", None)}
            assert ids - {"None"} <= {thing.id for thing in found}


def _alone(driver: Any, listed: str) -> list[Any] | None:
    """Return Libcloud's own result, or None without one."""
    try:
        return list(getattr(driver, listed)())
    except Exception:  # noqa: BLE001 - after any error there is nothing to compare with
        return None
