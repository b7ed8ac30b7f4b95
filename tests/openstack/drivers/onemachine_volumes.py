"""A volume driver of Cinder whose volumes have no bytes."""

from typing import Any

from cinder.volume import driver


class Driver(driver.VolumeDriver):  # type: ignore[misc]
    """Every request is accepted."""

    def check_for_setup_error(self) -> None:
        """Need nothing."""

    def get_volume_stats(self, refresh: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002
        """Return room for many volumes."""
        return {
            "volume_backend_name": "onemachine",
            "vendor_name": "onemachine",
            "driver_version": "1",
            "storage_protocol": "iSCSI",
            "total_capacity_gb": 100_000,
            "free_capacity_gb": 100_000,
        }

    def clone_image(self, *arguments: Any) -> tuple[dict[str, Any], bool]:
        """Return that the volume has the image's bytes."""
        return {}, True

    def initialize_connection(self, volume: Any, connector: Any) -> dict[str, Any]:
        """Return an address that no hypervisor opens."""
        return {"driver_volume_type": "iscsi", "data": {"volume_id": volume.id}}

    def _nothing(self, *arguments: Any, **more: Any) -> None: ...

    create_volume = delete_volume = create_snapshot = delete_snapshot = _nothing
    create_volume_from_snapshot = create_cloned_volume = extend_volume = _nothing
    create_export = ensure_export = remove_export = terminate_connection = _nothing
