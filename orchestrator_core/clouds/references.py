"""Names and ids of a cloud's things in the fields of a start, in the form that its driver wants."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from orchestrator_core.clouds.driver import Driver
from orchestrator_core.clouds.named import one_named
from orchestrator_core.errors import InvalidParameter, OrchestratorError
from orchestrator_core.start_request import StartField

LISTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "keyname": ("list_keypairs", "key pair"),
        "networks": ("list_networks", "network"),
        "firewalls": ("list_firewalls", "firewall"),
        "location": ("list_locations", "location"),
    }
)
"""The fields of a start that name things: the hook that lists these, and the word for one."""


def resolve(driver: Driver, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a start with every reference in the form that the driver wants.

    A reference is read as an id first, then as a name. The cloud's list is asked only if the
    reference does not show by itself which of them it is (:attr:`StartField.id_pattern`).

    Raises:
        InvalidParameter: for a reference that fits nothing, or whose name fits several things (the
            error lists them), and for two references to the same thing.
    """
    found = dict(fields)
    taken = driver.start_fields()
    for field, (hook, noun) in LISTS.items():
        value, how = fields.get(field), taken[field]
        if not value or not isinstance(how, StartField):
            continue
        given = [value] if isinstance(value, str) else list(value)
        unclear = [one for one in given if not _is_clear(how, one)]
        if not unclear or not driver.offers(hook):
            continue
        things = list(driver.read(hook))
        wanted = [
            _wanted(how, things, _pick(things, one, field, noun), field, noun)
            if one in unclear
            else one
            for one in given
        ]
        _check_distinct(given, wanted, field, noun)
        found[field] = wanted[0] if isinstance(value, str) else wanted
    return found


def explained(
    driver: Driver, fields: Mapping[str, Any], refusal: InvalidParameter
) -> InvalidParameter:
    """Return a more exact error for a start that a cloud has refused because of a reference.

    A reference whose form is clear is not compared with the cloud's list before a start: that would
    cost a request. After a refusal the list shows that there is no such thing, or the candidates.

    Args:
        driver: the driver.
        fields: the fields of the start, as they were given.
        refusal: the cloud's refusal.
    """
    field = refusal.field
    value = fields.get(field)
    if field not in LISTS or not value or refusal.nothing_done is False:
        return refusal
    hook, noun = LISTS[field]
    try:
        things = driver.read(hook) if driver.offers(hook) else ()
    except OrchestratorError:
        return refusal
    for reference in [value] if isinstance(value, str) else value:
        try:
            _pick(things, reference, field, noun)
        except InvalidParameter as found:
            found.nothing_done = refusal.nothing_done
            return found if things else refusal
    return refusal


def _check_distinct(given: Sequence[str], wanted: Sequence[str], field: str, noun: str) -> None:
    first: dict[str, str] = {}
    for reference, same in zip(given, wanted, strict=True):
        if same in first:
            raise InvalidParameter(
                field,
                f"{first[same]!r} and {reference!r} are the same {noun}; give one of them",
                nothing_done=True,
            )
        first[same] = reference


def _is_clear(how: StartField, reference: str) -> bool:
    """Return whether a reference has the driver's form without a doubt."""
    if how.id_pattern is None:
        return False
    is_id = re.fullmatch(how.id_pattern, reference) is not None
    return is_id == (how.given_as == "id")


def _wanted(how: StartField, things: Sequence[Any], thing: Any, field: str, noun: str) -> str:
    """Return a thing in the driver's form.

    Raises:
        InvalidParameter: when the driver wants its name, and others have the same one: the cloud
            would choose one of them.
    """
    if how.given_as == "id":
        return str(thing.id)
    if sum(other.name == thing.name for other in things) > 1:
        raise InvalidParameter(
            field,
            f"{noun} {thing.id!r} cannot be chosen: the cloud's API takes only names, and several "
            f"{noun}s are named {thing.name!r}; rename one of them",
            nothing_done=True,
        )
    return str(thing.name)


def _pick(things: Sequence[Any], reference: str, field: str, noun: str) -> Any:
    """Return the thing with this id or, if there is none, the one thing with this name.

    Raises:
        InvalidParameter: when there is no such thing, or several have the name.
    """
    for thing in things:
        if thing.id == reference:
            return thing
    return one_named(things, reference, field, noun)
