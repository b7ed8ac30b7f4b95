"""A real EC2 API on loopback (moto's), for the conformance kit and for tests.

Needs ``pip install "vm-orchestrator-libcloud[testing]"``.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from orchestrator_libcloud.fake.keys import REFUSED_KEY
from orchestrator_libcloud.fake.started import prepare, reader, started_on

if TYPE_CHECKING:  # the kit, which is installed only for tests
    from orchestrator_core.testing import Fake, Stage

FORGETFUL: Final = "--forgetful"
"""The argument with which moto answers every request itself."""

_VALIDATION = {"MOTO_ENABLE_KEYPAIR_VALIDATION": "true", "MOTO_ENABLE_AMI_VALIDATION": "true"}


@contextmanager
def ec2_server(*, remembers: bool = True) -> Iterator[int]:
    """Run the API in its own process; yield its port.

    Args:
        remembers: whether a repeated read is answered from memory. Benchmarks want moto's own time.
    """
    with subprocess.Popen(  # noqa: S603 - this module, in this Python
        [
            *[sys.executable, "-m", "orchestrator_libcloud.fake.ec2_server"],
            *([] if remembers else [FORGETFUL]),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **_VALIDATION},
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.stdin.close()


@contextmanager
def fake(stage: Stage) -> Iterator[Fake]:
    """Provide a fake of the provider ``ec2``, which is reached through Libcloud."""
    from orchestrator_core.testing import Fake  # noqa: PLC0415 - only tests have it

    secret = stage.directory / "secret"
    secret.write_text("a-secret-of-nothing")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    with ec2_server() as port:
        own: dict[str, Any] = {
            "provider": "ec2",
            "key": "AKIAIOSFODNN7EXAMPLE",
            "secret": f"file:{secret}",
            "region": "eu-west-1",
            "host": "127.0.0.1",
            "port": port,
            "secure": False,
        }
        client = reader(port, own["region"])
        yield Fake(
            settings=own,
            unreachable={**own, "port": closed},
            refused={**own, "key": REFUSED_KEY},
            start_values=prepare(client, own["region"]),
            started=started_on(client),
        )
