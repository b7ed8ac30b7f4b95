"""``make audit``: what it finds, and that it fails on what it could not audit."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "requirements" / "audit.py"
FALCON = {
    "id": "OSV-1",
    "modified": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "falcon", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9"}]}],
        }
    ],
}


@contextmanager
def osv(*advisories: dict[str, Any], status: int = 200) -> Iterator[str]:
    """Serve these advisories of falcon as an OSV service does; yield the service's URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            its = advisories if asked["package"]["name"] == "falcon" else ()
            body = json.dumps({"vulns": its} if its else {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()
            thread.join()


def audit(url: str, *pins: str, folder: Path) -> tuple[int, str]:
    """Audit these pins; return the exit status and what was printed."""
    file = folder / "pins.txt"
    file.write_text("".join(f"{pin}\n" for pin in pins))
    command = [sys.executable, str(SCRIPT), "--osv-url", url, "--pins", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


def test_pins_without_advisories_pass(tmp_path: Path) -> None:
    with osv() as url:
        status, shown = audit(url, "falcon==4.4.0", "click==8.5.1", folder=tmp_path)
    assert (status, shown) == (0, "audit passed: 2 packages, 0 findings\n")


def test_an_advisory_fails_and_names_the_version_that_mends(tmp_path: Path) -> None:
    with osv(FALCON) as url:
        status, shown = audit(url, "falcon==4.4.0", "click==8.5.1", folder=tmp_path)
    assert status == 1
    assert "falcon 4.4.0: OSV-1, fixed in 9.9\n" in shown


@pytest.mark.parametrize("status", [404, 503])
def test_a_service_that_does_not_answer_fails(tmp_path: Path, status: int) -> None:
    with osv(status=status) as url:
        code, shown = audit(url, "click==8.5.1", folder=tmp_path)
    assert code == 1
    first, last = shown.splitlines()
    assert first.startswith(f"no package could be audited, because {url} answered {status} ")
    assert first.endswith("or name an OSV service: make audit OSV_URL=https://api.osv.dev/v1/query")
    assert last == "audit failed: 1 packages, 1 findings"


def test_a_service_that_cannot_be_reached_fails(tmp_path: Path, closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}/v1/query"
    code, shown = audit(url, "click==8.5.1", folder=tmp_path)
    assert code == 1
    assert shown.splitlines()[0] == (
        f"no package could be audited, because {url} cannot be reached (Connection refused); run "
        "this where it can be reached, or name an OSV service: make audit "
        "OSV_URL=https://api.osv.dev/v1/query"
    )


def test_a_pin_that_is_not_installed_has_an_unknown_licence(tmp_path: Path) -> None:
    with osv() as url:
        status, shown = audit(url, "no-such-package==1.0", folder=tmp_path)
    assert status == 1
    assert "no-such-package: the licence is unknown" in shown


def test_every_pin_has_an_allowed_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    licences = runpy.run_path(str(SCRIPT.parent / "licences.py"))
    pins = licences["pins"](SCRIPT.parent / "constraints.txt")
    assert list(licences["complaints"](pins, licences["policy_of"]())) == []


@pytest.mark.parametrize(
    ("licence", "is_allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("MPL-2.0 AND (GPL-2.0-only OR MIT)", True),
        ("Proprietary", False),
    ],
)
def test_the_parts_of_an_expression_are_judged(licence: str, *, is_allowed: bool) -> None:
    licences = runpy.run_path(str(SCRIPT.parent / "licences.py"))
    policy = {"allowed": ["MIT", "MPL-2.0"], "accepted": {}, "stated": {"x": {"licence": licence}}}
    assert (list(licences["complaints"](["x"], policy)) == []) is is_allowed


def test_what_is_installed_is_pinned() -> None:
    """An unpinned package would be audited at no version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        script = runpy.run_path(str(SCRIPT))
        sys.modules.pop("licences")
    pinned = {k: v for file in script["PINS"] for k, v in script["licences"].pins(file).items()}
    assert list(script["unpinned"](pinned)) == []


def test_a_package_that_the_service_does_not_know_is_a_finding() -> None:
    """PyPI's JSON API answers so for an unknown package, and behind a mirror for every one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        script = runpy.run_path(str(SCRIPT))
        sys.modules.pop("licences")
    answer = [
        {"name": "click", "version": "8.5.1", "vulns": []},
        {"name": "mine", "skip_reason": "Dependency not found on PyPI"},
    ]
    some = "could not be audited: 1 of the packages (mine); the first: Dependency not found on PyPI"
    assert list(script["vulnerabilities"](answer)) == [some]
    (every,) = script["vulnerabilities"](answer[1:])
    assert every.startswith(f"{some}. https://pypi.org/pypi/NAME/VERSION/json may be a mirror with")
    assert "run this where it can be reached, or name an OSV service: make audit OSV" in every
