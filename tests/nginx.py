"""A real nginx for a test, with a configuration of the project around which the rest is added."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.machine import program
from tests.pooler import wait_until_up

_AROUND: Final = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
}}
"""


@contextmanager
def nginx(folder: Path, http: str, port: int) -> Iterator[None]:
    """Run nginx until the block ends.

    Args:
        folder: the folder of its files.
        http: the content of the context ``http``, which listens on the port.
        port: the port.
    """
    settings = folder / "nginx.conf"
    settings.write_text(_AROUND.format(folder=folder, http=http))
    command = [program("nginx", "nginx-light"), "-c", str(settings), "-p", str(folder)]
    process = subprocess.Popen(command)
    try:
        wait_until_up(process, port, folder / "nginx.log")
        yield
    finally:
        process.terminate()
        process.wait(20)
