"""``orchestrator demo``: a server that is killed in the middle of its work, and loses nothing."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import rich_click as click

from orchestrator_core.cli.demo.client import Client
from orchestrator_core.cli.demo.server import DemoServer, listen
from orchestrator_core.cli.demo.story import tell
from orchestrator_core.cli.options import with_clear_errors
from orchestrator_core.errors import OrchestratorError

_DEFAULT_PORT: Final = 5055


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=_DEFAULT_PORT,
    show_default=True,
    help="The port of 127.0.0.1 to serve on; 0 takes any free port.",
)
@click.option("--once", is_flag=True, help="End after the last step instead of serving on.")
@with_clear_errors
def demo(port: int, *, once: bool) -> None:
    """Show a start that survives kill -9, on a server and a simulated cloud of its own.

    Everything is kept in a temporary folder, which is removed at the end. No settings are read.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    with listen(port) as socket, tempfile.TemporaryDirectory(prefix="orchestrator-demo-") as folder:
        try:
            with DemoServer(Path(folder), socket) as server:
                _show(server)
                if not once:
                    _wait(server)
        except KeyboardInterrupt:
            click.echo()
    click.echo("The server is stopped and its folder is removed.")


def _show(server: DemoServer) -> None:
    try:
        tell(Client(server.url), server)
    except OrchestratorError as error:
        raise OrchestratorError(f"{error.message}\nThe server's log:\n{server.log()}") from None


def _wait(server: DemoServer) -> None:
    click.echo(
        f"\nThe server keeps running on {server.url} until Ctrl-C. Try:\n"
        f"  curl -s {server.url}/api/v1/nodes\n"
        f"  curl -s {server.url}/api/v2/operations\n"
        f"  curl -s {server.url}/health\n"
        f"Its settings, database and log are in {server.folder}; the API is described at "
        f"{server.url}/docs"
    )
    status = server.wait()
    raise OrchestratorError(f"The server ended with status {status}:\n{server.log()}")


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
