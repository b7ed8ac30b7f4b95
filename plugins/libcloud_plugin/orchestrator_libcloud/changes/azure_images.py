"""The images of Azure: the marketplace's by four names, an account's own by their ids, VHDs by URL.

The marketplace has thousands of publishers with a request for each, so that no image is looked for
by another name.
"""

from __future__ import annotations

import importlib
import re
from typing import Any, Final

from orchestrator_core import InvalidParameter
from orchestrator_libcloud.errors.item_refusals import status_of
from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.patterns import Pattern

_MODULE: Final = "libcloud.compute.drivers.azure_arm"
_PART: Final = r"[^:/?#\s]+"
_MARKETPLACE: Final = Pattern(rf"{_PART}(?::{_PART}){{3}}")
_OWN: Final = Pattern(
    rf"/subscriptions/{_PART}/resourceGroups/{_PART}/providers/Microsoft\.Compute/"
    rf"(?P<kind>images|galleries/{_PART}/images)/(?P<name>{_PART})(?:/versions/{_PART})?",
    re.IGNORECASE,
)
_VHD: Final = Pattern(r"https?://[^/?#\s]+/[^/?#\s]+/[^?#\s]+")
_VERSIONS: Final = {True: "2024-03-01", False: "2023-07-03"}
"""The version of the API for managed images, and for those of a gallery."""

_NOT_FOUND: Final = 404


def is_azure(driver: Any) -> bool:
    """Return whether a driver's images are those of Azure."""
    return _MODULE in modules(driver)


def find(driver: Any, wanted: str) -> Any:
    """Return the image with this id; send a request only for an image of the account.

    Raises:
        InvalidParameter: there is no such image, or the id has none of the three forms.
    """
    if (own := _OWN.fullmatch(wanted)) is not None:
        _check_exists(driver, wanted, own)
    return made(driver, wanted)


def made(driver: Any, wanted: str) -> Any:
    """Return Libcloud's object for an image; send nothing.

    Raises:
        InvalidParameter: the id has none of the three forms.
    """
    module = importlib.import_module(_MODULE)
    if (own := _OWN.fullmatch(wanted)) is not None:
        image = module.AzureComputeGalleryImage("", "", "", own["name"], driver)
        image.id = wanted  # the request has only the id, and a managed image has the same place
        return image
    if _MARKETPLACE.fullmatch(wanted):
        publisher, offer, sku, version = wanted.split(":")
        return module.AzureImage(version, sku, offer, publisher, None, driver)
    if _VHD.fullmatch(wanted):
        return driver.get_image(wanted)
    reason = (
        f"{wanted!r} must be Publisher:Offer:Sku:Version, or the id of an image of the account: "
        "/subscriptions/..."
    )
    raise InvalidParameter("image", reason)


def is_vhd(wanted: str) -> bool:
    """Return whether an id is the URL of a VHD."""
    return _VHD.fullmatch(wanted) is not None


def _check_exists(driver: Any, wanted: str, own: re.Match[str]) -> None:
    parameters = {"api-version": _VERSIONS[own["kind"].lower() == "images"]}
    try:
        driver.connection.request(wanted, params=parameters)
    except Exception as error:
        if status_of(error) != _NOT_FOUND:
            raise
        raise InvalidParameter("image", f"there is no image {wanted!r}") from error
