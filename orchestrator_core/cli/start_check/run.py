"""The whole of ``orchestrator check --start``: plan, question, VMs, report."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click

from orchestrator_core.cli.options import operator
from orchestrator_core.cli.start_check.options import StartOptions
from orchestrator_core.cli.start_check.plan import Plan, make_plan
from orchestrator_core.cli.start_check.trial import Trial, destroyed
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import OrchestratorError, SettingsError
from orchestrator_core.redaction import redact
from orchestrator_core.settings.faults import nearest
from orchestrator_core.settings.model import (
    MetricsSettings,
    Settings,
    StateSettings,
    TracesSettings,
)
from orchestrator_core.settings.secrets import Secret
from orchestrator_core.temporary_folder import temporary_folder

if TYPE_CHECKING:  # they need SQLAlchemy
    from orchestrator_core.broker.durable import DurableBroker
    from orchestrator_core.broker.temporary import TemporaryVms

_PURPOSE: Final = "check-start"


def check_starts(settings: Settings, options: StartOptions) -> bool:
    """Start and destroy one VM on each cloud; return whether all went well and nothing is left.

    Raises:
        OrchestratorError: nothing was started; the message says why.
        click.Abort: the operator did not confirm.
    """
    with temporary_folder("orchestrator-check-") as folder:
        recorded = settings.state is not None
        if not recorded:
            # The same path for all: without [state], the record lives as long as the command.
            state = StateSettings(Secret("(plain)", plain=f"sqlite:///{folder}/state.db"))
            settings = replace(settings, state=state)
        quiet = replace(settings, metrics=MetricsSettings(enabled=False), traces=TracesSettings())
        return asyncio.run(_check(quiet, options, Path(folder), recorded=recorded))


async def _check(
    settings: Settings, options: StartOptions, folder: Path, *, recorded: bool
) -> bool:
    async with _components(settings, folder) as (registry, broker):
        clouds = _chosen(registry, options.clouds)
        vms = _temporary(settings, broker)
        nothing_left = await _finish_earlier(vms, options.limit)
        await vms.check_can_destroy()
        plans, faults = await _plans(clouds, options)
        for fault in faults:
            _tell(fault)
        if not plans:
            return False
        if not options.yes:
            _confirm(plans, recorded=recorded)
        trials = [Trial(plan, partial(_tell_of, plan.cloud)) for plan in plans]
        with _signals(broker, recorded=recorded):
            await asyncio.gather(*(_run(trial, vms, broker, options.limit) for trial in trials))
        was_stopped = broker.is_stopping
    if recorded and any(one.left for one in trials):
        _tell("a durable worker, or this command, goes on with what is left: orchestrator worker")
    went_well = not (faults or was_stopped or any(one.complaint for one in trials))
    return nothing_left and went_well


async def _run(trial: Trial, vms: TemporaryVms, broker: DurableBroker, limit: float) -> None:
    await trial.run(vms, broker.readiness, limit)
    name = trial.plan.cloud.name
    if trial.steps:
        click.echo(redact(f"{name}: {', '.join(trial.steps)}"))
    if trial.complaint:
        _tell_of(trial.plan.cloud, trial.complaint)


@asynccontextmanager
async def _components(
    settings: Settings, folder: Path
) -> AsyncIterator[tuple[Registry, DurableBroker]]:
    from orchestrator_core.app import make_components  # noqa: PLC0415 - needs SQLAlchemy
    from orchestrator_core.broker.durable import DurableBroker  # noqa: PLC0415

    components = await asyncio.to_thread(make_components, settings, "command", None, folder)
    broker = components.broker
    assert isinstance(broker, DurableBroker)
    await broker.start()
    try:
        yield components.registry, broker
    finally:
        await broker.stop()
        await components.registry.close()
        components.extensions.close()


@contextmanager
def _signals(broker: DurableBroker, *, recorded: bool) -> Iterator[None]:
    """Destroy the VMs early at SIGINT and SIGTERM; a second signal ends the command at once."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    last = "leaves that to a durable worker" if recorded else "leaves them behind"

    def stop() -> None:
        _tell(f"stopping: the VMs are destroyed first; a second signal {last}")
        broker.end_waits()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _temporary(settings: Settings, broker: DurableBroker) -> TemporaryVms:
    from orchestrator_core.broker.temporary import TemporaryVms  # noqa: PLC0415 - needs SQLAlchemy

    assert settings.state is not None
    return TemporaryVms(broker, operator().caller, _PURPOSE, settings.state.process_timeout)


def _chosen(registry: Registry, names: Sequence[str]) -> list[Cloud]:
    if not registry.clouds:
        raise SettingsError("the settings have no [clouds.NAME], so nothing can be started")
    for name in names:
        if name not in registry.clouds:
            raise SettingsError(f"there is no [clouds.{name}]{nearest(name, registry.clouds)}")
    return [cloud for name, cloud in registry.clouds.items() if not names or name in names]


async def _plans(clouds: Sequence[Cloud], options: StartOptions) -> tuple[list[Plan], list[str]]:
    async def plan(cloud: Cloud) -> Plan | str:
        try:
            # The VM is started within the limit, and this process destroys it within the next.
            return await make_plan(cloud, options.fields, 2 * options.limit)
        except OrchestratorError as error:
            return f"{cloud.name}: nothing was started: {error.message}"

    made = await asyncio.gather(*map(plan, clouds))
    plans = [one for one in made if isinstance(one, Plan)]
    return plans, [one for one in made if isinstance(one, str)]


async def _finish_earlier(vms: TemporaryVms, limit: float) -> bool:
    """Destroy what killed commands have left; return whether all of it is gone."""
    nothing_left = True
    for start_id in await vms.left():
        steps = [f"the VM of an earlier check, operation {start_id}"]
        left = await destroyed(vms, start_id, limit, steps)
        nothing_left = nothing_left and not left
        _tell(left or ", ".join(steps))
    return nothing_left


def _confirm(plans: Sequence[Plan], *, recorded: bool) -> None:
    """Ask the operator.

    Raises:
        click.Abort: The answer is no.
    """
    click.echo("These VMs are started and destroyed, which may cost money:")
    for plan in plans:
        click.echo(redact(f"  {plan.cloud.name}: {plan.order.name}, {plan.shown}"))
    if not recorded:
        click.echo(
            "The settings have no [state]: if this command is killed, destroy these VMs yourself."
        )
    click.confirm("Continue?", abort=True)


def _tell_of(cloud: Cloud, text: str) -> None:
    _tell(f"{cloud.name}: {text}")


def _tell(text: str) -> None:
    click.echo(redact(f"orchestrator: {text}"), err=True)
