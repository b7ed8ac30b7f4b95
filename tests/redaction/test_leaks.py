"""Credentials that an upstream echoes: none reaches a client, the database or the log.

A server under gunicorn, with the database and the log of every level, in front of two upstreams
that answer with the credentials they were sent: one behind a plugin that passes on every text, one
a Cistern server.
"""

from __future__ import annotations

import json
import secrets
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests import commands, loopback
from tests.conftest import OPS_TOKEN, Server, running
from tests.encodings import ENCODINGS
from tests.wheels import install

TOKEN = "Echo/token+of=the settings&more-1"
CISTERN = "cistern-Token_of.the-settings~2"
SESSION = secrets.token_urlsafe(24)
OWN = "a value that its schema marks"

TOML = """
default_cloud = "echo"
[server]
log_level = "debug"
log_format = "json"
[auth]
mode = "token"
tokens = {{ ops = "env:OPS" }}
[state]
url = "sqlite:///{directory}/state.db"
[clouds.echo]
driver = "echo"
url = "http://127.0.0.1:{port}"
token = "env:ECHO_TOKEN"
own = "{own}"
retries = 0
breaker = {{ failures = 1000 }}
[clouds.away]
driver = "echo"
url = "http://127.0.0.1:{closed}/inner/path"
token = "env:ECHO_TOKEN"
away = true
retries = 0
[clouds.fake]
driver = "dummy"
assignment = "brain"
[assignments.brain]
backend = "cistern"
url = "http://127.0.0.1:{port}/api/v1"
token = "env:CISTERN_TOKEN"
retries = 0
breaker = {{ failures = 1000 }}
"""


@dataclass
class Upstream:
    """The upstream's current answer."""

    port: int
    says: str = ""
    heard: list[str] = field(default_factory=list)


@dataclass
class Place:
    """The server, and all of its output."""

    server: Server
    upstream: Upstream
    directory: Path
    closed: int
    environment: dict[str, str]
    answers: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None, version: str = "v1") -> dict[str, Any]:
        """Return the JSON of an answer; keep its text and headers."""
        with loopback.client(f"{self.server.url}/api/{version}") as http:
            http.headers["Authorization"] = f"Bearer {OPS_TOKEN}"
            answer = http.request(method, path, json=body)
        self.answers += [answer.text, str(answer.headers)]
        shown: dict[str, Any] = answer.json()
        return shown

    def run(self, *arguments: str) -> str:
        """Return the output of a command."""
        config = str(self.directory / "orchestrator.toml")
        variables = {**self.environment, "COLUMNS": "400"}
        done = commands.run(*arguments, "--config", config, environment=variables)
        return done.stdout + done.stderr

    def stored(self) -> str:
        """Return every byte of the database's files."""
        files = sorted(self.directory.glob("state.db*"))
        return "".join(file.read_bytes().decode("latin-1") for file in files)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said.heard.append(str(self.headers))
            self._answer({"session": SESSION, "message": said.says, "status": "error"})

        do_POST = do_PUT = do_GET  # noqa: N815 - names of the base class

        def _answer(self, body: dict[str, str]) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    said = Upstream(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield said
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def place(
    upstream: Upstream, closed_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("leaks")
    source = directory / "echo"
    shutil.copytree(Path(__file__).parent / "echo", source)
    target = directory / "installed"
    install(target, source)
    environment = {
        "PYTHONPATH": str(target),
        "ECHO_TOKEN": TOKEN,
        "CISTERN_TOKEN": CISTERN,
        "OPS": OPS_TOKEN,
    }
    toml = TOML.format(directory=directory, port=upstream.port, closed=closed_port, own=OWN)
    with running(toml, directory, environment) as server:
        everything = {**environment}
        yield Place(server, upstream, directory, closed_port, everything)
        # Tracebacks are included: the log has every level.
        log = server.log_file.read_text().replace("Traceback", "")
        server.log_file.write_text(log)


SECRETS = (TOKEN, CISTERN, SESSION, OWN, OPS_TOKEN)
REPORTS = ("/clouds", "/clouds/echo", "/orphans", "/plugins", "/assignments", "/operations",
           "/nodes?clouds=echo,fake", "/nodes?clouds=echo")  # fmt: skip
ASSIGN = {"node": "1", "user": "ann", "vm_type": "web"}


@pytest.mark.parametrize("name", ENCODINGS)
def test_nothing_shows_what_an_upstream_echoes(place: Place, name: str) -> None:
    hidden = [ENCODINGS[name](secret) for secret in SECRETS]
    place.answers.clear()
    for said in (f"Refused: {'; '.join(hidden)} is wrong", f"{'long ' * 96}{hidden[1]}"):
        place.upstream.says = said
        told = [
            place.ask("GET", "/nodes/echo"),
            place.ask("POST", "/vm/start/echo", {"name": "x", "image": "1", "size": "1"}),
            place.ask("GET", "/vm/status/fake"),
            place.ask("PUT", "/vm/action/assign/fake", ASSIGN),
        ]
        assert {answer["status"] for answer in told} == {"error"}
        assert all("***" in answer["message"] for answer in told) or said.startswith("long")
    for path in ("/cloud", "/cloud/echo"):
        place.ask("GET", path)
    for path in REPORTS:
        place.ask("GET", path, version="v2")
    failed = place.ask("GET", "/operations?state=failed&cloud=echo", version="v2")["operations"]
    assert "***" in failed[1]["error"]["detail"]
    place.ask("GET", f"/operations/{failed[1]['id']}", version="v2")
    _holds_none("".join(place.answers), name, hidden)
    _holds_none(place.stored(), name, hidden)
    _holds_none(place.server.log(), name, hidden)
    if name == "basic":
        for command in (("operations", "list"), ("operations", "show", failed[1]["id"]),
                        ("check", "--connect")):  # fmt: skip
            printed = place.run(*command)
            assert "***" in printed
            _holds_none(printed, name, hidden)


def _holds_none(text: str, name: str, hidden: list[str]) -> None:
    for secret in hidden:
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text
        # A message may be cut before the secret in it, inside an encoded part.
        assert name == "base64-wrapped" or secret[: len(secret) * 2 // 3] not in text


def test_the_upstreams_were_sent_what_must_not_show(place: Place) -> None:
    place.upstream.says = "no"
    place.ask("GET", "/nodes/echo")
    place.ask("GET", "/vm/status/fake")
    heard = "".join(place.upstream.heard)
    assert TOKEN in heard
    assert CISTERN in heard


def test_no_address_of_an_upstream_that_is_away_shows(place: Place) -> None:
    place.answers.clear()
    message = place.ask("GET", "/nodes/away")["message"]
    assert "[address]" in message
    place.ask("POST", "/vm/start/away", {"name": "x", "image": "1", "size": "1"})
    place.ask("GET", "/operations?cloud=away", version="v2")
    place.ask("GET", "/cloud/away")
    shown = "".join(place.answers).replace(place.server.url.removeprefix("http://"), "")
    for inner in (str(place.closed), "127.0.0.1", "/inner/path", "object at 0x"):
        assert inner not in shown
        assert inner not in place.stored()
    # The operator finds the removed address in the log.
    assert str(place.closed) in place.server.log()


def test_check_warns_of_a_secret_that_is_too_short(place: Place) -> None:
    config = place.directory / "orchestrator.toml"
    short = {**place.environment, "ECHO_TOKEN": "s3cret"}
    done = commands.run("check", "--config", str(config), environment=short)
    assert "clouds.echo.token: warning: fewer than 8 characters" in done.stderr
    assert "ECHO_TOKEN" not in done.stderr
    assert "s3cret" not in done.stderr
    assert "fewer than" not in place.run("check")
