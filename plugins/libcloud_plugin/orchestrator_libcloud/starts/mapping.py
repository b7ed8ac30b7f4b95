"""The form of a provider's mapping, and the mapping of providers without one of their own."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Final

from orchestrator_core import InvalidParameter, StartField, StartRequest
from orchestrator_libcloud.capabilities import lacks, takes
from orchestrator_libcloud.changes.lookup import find_image, find_location, find_size
from orchestrator_libcloud.nodes.marker import MARKER_KEY
from orchestrator_libcloud.patterns import Pattern
from orchestrator_libcloud.starts import options
from orchestrator_libcloud.starts.lists import KEY_PAIRS, StartList

StartFields = dict[str, StartField | str]
"""For each field of a start how a provider takes it, or why it does not."""

KEY_NAMES: Final = ("ex_keyname", "ex_key_name", "ex_keypair_name", "keypairs")
"""The parameters for the name of a key pair."""

NAMES_ONLY: Final = "(?!)"
"""An ``id_pattern`` that nothing matches, for things that have only names: a name needs no list."""

_SEVERAL: Final = frozenset({"keypairs"})
"""Parameters that take a list of key names."""

_NOT_OPTIONS: Final = frozenset({"name", "size", "image", "location", "ex_clienttoken"})
"""Parameters that only the core's own fields and its marker set."""


class StartMapping:
    """The mapping of a provider whose driver has only Libcloud's usual parameters.

    A provider's own mapping derives from this class and has an entry in ``registry.py``.
    """

    lists: ClassVar[dict[str, StartList]] = {"list_keypairs": KEY_PAIRS}
    """The lists of what a start can name, by hook: a provider with more adds its own."""

    supplies: ClassVar[tuple[str, ...]] = ()
    """Parameters without a default, beside name, size, image and location, that it always sets."""

    why_no_start: ClassVar[str | None] = None
    """The reason for starting no node although the driver has the method.

    It follows the provider's name.
    """

    replaces: ClassVar[frozenset[str]] = frozenset()
    """Those of name, size and image that the driver takes under another name."""

    known_options: ClassVar[options.Kinds | None] = None
    """The options with the types of their values; None for the arguments of ``create_node``."""

    own_options: ClassVar[tuple[str, ...]] = ()
    """Options that :meth:`arguments` reads, and that are no parameters of ``create_node``."""

    ids_only: ClassVar[frozenset[str]] = frozenset()
    """Those of image and size of which the driver reads only the id, so that none is fetched."""

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how the provider takes it, or why it does not; send nothing."""
        accepted = takes(driver_class, "create_node")
        found: StartFields = {}
        if not accepted.keys().isdisjoint(KEY_NAMES):
            found["keyname"] = StartField(given_as="name", id_pattern=NAMES_ONLY)
        if "ex_metadata" in accepted:
            found["metadata"] = StartField()
        if "location" in accepted and lacks(driver_class, "list_locations") is None:
            found["location"] = StartField()
        names = tuple(sorted(accepted.keys() - _NOT_OPTIONS))
        if names:
            found["options"] = StartField(parts=names, note="arguments of Libcloud's create_node")
        return {**not_taken(driver_class), **found}

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node`` for the optional fields of a start.

        The result has no name, image, size and marker. A location is in it only if the request has
        one; ``start.py`` adds the settings' region if the driver needs one.

        Args:
            driver: the Libcloud driver object.
            request: the request, with no other fields than those of :meth:`fields`.

        Raises:
            InvalidParameter: the provider does not accept a value; nothing was created.
        """
        return {
            **self.key(driver, request.keyname),
            **self.metadata(request.metadata),
            **self.location(driver, request.location),
        }

    def image(self, driver: Any, request: StartRequest, region: str | None) -> dict[str, Any]:
        """Return the argument with the image."""
        if "image" not in self.ids_only:
            return {"image": find_image(driver, request.image.id, region)}
        base = importlib.import_module("libcloud.compute.base")
        return {"image": base.NodeImage(request.image.id, request.image.name, driver)}

    def size(self, driver: Any, request: StartRequest, region: str | None) -> dict[str, Any]:
        """Return the argument with the size."""
        size = request.size
        if "size" not in self.ids_only:
            return {"size": find_size(driver, size.id, region)}
        base = importlib.import_module("libcloud.compute.base")
        amounts = {"bandwidth": None, "price": 0.0}
        return {
            "size": base.NodeSize(size.id, size.name, size.ram, size.disk, driver=driver, **amounts)
        }

    def create(self, driver: Any, arguments: Mapping[str, Any]) -> Any:
        """Create the node with all arguments, and return Libcloud's object for it."""
        return driver.create_node(**arguments)

    def key(self, driver: Any, keyname: str | None) -> dict[str, Any]:
        """Return the argument with a key pair's name."""
        if keyname is None:
            return {}
        accepted = takes(driver, "create_node")
        name = next(name for name in KEY_NAMES if name in accepted)
        return {name: [keyname] if name in _SEVERAL else keyname}

    def metadata(self, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the argument with the metadata."""
        return {"ex_metadata": checked_pairs(metadata, "metadata")} if metadata else {}

    def location(self, driver: Any, location: str | None) -> dict[str, Any]:
        """Return the argument with the location."""
        return {} if location is None else {"location": find_location(driver, location)}

    def option_arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of ``create_node`` for the options of a start.

        Raises:
            InvalidParameter: the provider does not accept an option.
        """
        kinds = self.known_options
        found = given if kinds is None else options.checked(given, kinds)
        return {name: value for name, value in found.items() if name not in self.own_options}

    def sending(self, driver: Any, request: StartRequest) -> AbstractContextManager[None]:
        """Return the context in which ``create_node`` is called.

        A provider corrects in it what Libcloud sends wrong.
        """
        return nullcontext()


FIELDS: Final = (
    "keyname",
    "ssh_keys",
    "user_data",
    "networks",
    "firewalls",
    "location",
    "public_ip",
    "root_disk",
    "volumes",
    "tags",
    "spot",
    "metadata",
    "options",
)
"""The names of the optional fields of a start."""


def not_taken(driver_class: Any) -> StartFields:
    """Return the usual reason for every field; a mapping replaces those that it takes."""
    reason = f"Provider {driver_class.name} has no parameter for it in Libcloud"
    return dict.fromkeys(FIELDS, reason)


_NOT_IN_XML: Final = Pattern("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""The characters that no XML document can have (XML 1.0, 2.2).

A provider that stored one could not list its nodes any more.
"""


def checked_pairs(pairs: Mapping[str, Any], field: str) -> dict[str, str]:
    """Return pairs of texts, such as metadata or tags.

    Raises:
        InvalidParameter: a key or a value is not a text that the provider can store.
    """
    for key, value in pairs.items():
        if not isinstance(value, str):
            raise InvalidParameter(field, f"the value of {key!r} must be text, not {kind(value)}")
        if not key:
            raise InvalidParameter(field, "a key must not be empty")
        if key == MARKER_KEY:
            raise InvalidParameter(field, f"the key {key!r} is reserved")
        if _NOT_IN_XML.search(key) or _NOT_IN_XML.search(value):
            raise InvalidParameter(
                field, f"the key and the value of {key!r} must not contain control characters"
            )
    return dict(pairs)


def kind(value: Any) -> str:
    """Return the JSON type of a value, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"
