"""The clocks of clouds by the `Date` of their answers, as the doctor judges them."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import pytest

from orchestrator_core.cli.doctor import clock
from orchestrator_core.cli.doctor.addresses import named_servers
from tests.cli.examined import names, subject_of

CLOUD = '[clouds.a]\ndriver = "libcloud"\nprovider = "openstack"\nurl = "{url}"\n'


@contextmanager
def serving(date: str) -> Iterator[str]:
    """Answer each request with 401 and this date; yield the URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(401)
            self.send_header("Date", date)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v3"
        finally:
            server.shutdown()


@pytest.mark.parametrize(
    ("ahead", "found", "words"),
    [
        (0.0, [], ""),
        (-20.0, [], ""),
        (400.0, ["cloud_clock_skew warning"], "is 6 minutes ahead of this machine's"),
        (-400.0, ["cloud_clock_skew warning"], "is 6 minutes behind this machine's"),
    ],
)
def test_a_clock_that_differs(tmp_path: Path, ahead: float, found: list[str], words: str) -> None:
    with serving(formatdate(time.time() + ahead, usegmt=True)) as url:
        findings = list(clock.examine(subject_of(tmp_path, CLOUD.format(url=url))))
    assert names(findings) == found
    assert all(words in one.detail and "(clouds.a)" in one.detail for one in findings)


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_an_answer_without_a_date_is_no_finding(tmp_path: Path, date: str) -> None:
    with serving(date) as url:
        assert list(clock.examine(subject_of(tmp_path, CLOUD.format(url=url)))) == []


def test_a_cloud_that_does_not_answer_is_no_finding_here(tmp_path: Path, closed_port: int) -> None:
    toml = CLOUD.format(url=f"https://127.0.0.1:{closed_port}")
    assert list(clock.examine(subject_of(tmp_path, toml))) == []


def test_the_servers_that_settings_name(tmp_path: Path) -> None:
    toml = (
        CLOUD.format(url="https://one.example.com/v3")
        + '[clouds.b]\ndriver = "libcloud"\nprovider = "openstack"\n'
        'url = "https://one.example.com:443/v2"\nother = "http://[::1]:8774"\nmail = "mailto:x"\n'
    )
    found = [str(one) for one in named_servers(subject_of(tmp_path, toml).settings)]
    assert found == ["one.example.com:443 (clouds.a)", "[::1]:8774 (clouds.b)"]
