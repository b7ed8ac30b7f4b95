"""Options of ``orchestrator check --start``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import rich_click as click

from orchestrator_core.settings.durations import parse_lease

P = ParamSpec("P")
R = TypeVar("R")

_LISTS: Final = {"network": "networks", "firewall": "firewalls"}
_TEXTS: Final = ("image", "size", "location", "keyname")


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The VMs that an operator wants to be started.

    Attributes:
        clouds: the names of the clouds; empty for all.
        fields: the image, the size and the optional fields of a start, as far as they were given.
        limit: the seconds for a start, and again for a destruction.
        yes: whether the operator has confirmed already.
    """

    clouds: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    limit: float = 600.0
    yes: bool = False


def _limit(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    try:
        return parse_lease(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


_OPTIONS: Final = (
    click.option(
        "--start",
        is_flag=True,
        help="Start one VM on each cloud and destroy it. This may cost money.",
    ),
    click.option(
        "--cloud",
        "clouds",
        metavar="NAME",
        multiple=True,
        help="With --start, only this cloud; may be given several times.",
    ),
    click.option(
        "--image", help="The image of the VM. By default the first one that the cloud lists."
    ),
    click.option(
        "--size", help="The size of the VM. By default the one with the least memory and disk."
    ),
    click.option("--location", help="The location of the VM."),
    click.option("--network", multiple=True, help="A network; may be given several times."),
    click.option("--firewall", multiple=True, help="A firewall; may be given several times."),
    click.option("--keyname", help="The key pair of the VM."),
    click.option(
        "--limit",
        metavar="DURATION",
        default="10m",
        show_default=True,
        callback=_limit,
        help="The time in which a VM must run, and again the time in which it must be gone.",
    ),
    click.option("--yes", is_flag=True, help="Start the VMs without asking for confirmation."),
)


def start_options(
    command: Callable[Concatenate[StartOptions | None, P], R],
) -> Callable[P, R]:
    """Pass the options of a start to a command, as its first argument; None without ``--start``."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        given: dict[str, Any] = dict(kwargs)
        names = ("start", "clouds", "limit", "yes", *_TEXTS, *_LISTS)
        mine = {name: given.pop(name) for name in names}
        fields = {name: mine[name] for name in _TEXTS if mine[name] is not None}
        fields |= {_LISTS[name]: list(mine[name]) for name in _LISTS if mine[name]}
        if not mine["start"] and (fields or mine["clouds"] or mine["yes"]):
            raise click.UsageError("These options describe the VM of --start; pass --start too")
        wanted = StartOptions(mine["clouds"], fields, mine["limit"], mine["yes"])
        return command(wanted if mine["start"] else None, *args, **given)

    decorated: Callable[..., R] = wrapper
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
