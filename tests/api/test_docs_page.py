"""The page ``/docs`` and its files, as a client without a token receives them."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from orchestrator_core.api import docs_page
from tests import loopback
from tests.conftest import DUMMY, OPS_TOKEN, Server, running

FOLDER = Path(docs_page.__file__).parent
ROOT = Path(__file__).parents[2]

TOKENS = '[auth]\nmode = "token"\ntokens = {ops = "env:OPS_TOKEN"}\n'

TYPES = {
    "/docs": "text/html; charset=utf-8",
    "/docs/docs.js": "text/javascript; charset=utf-8",
    "/docs/docs.css": "text/css; charset=utf-8",
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/docs/favicon-32x32.png": "image/png",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("docs")
    with running(DUMMY + TOKENS, folder, {"OPS_TOKEN": OPS_TOKEN}) as one:
        yield one


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx2.Client]:
    with loopback.client(server.url) as one:
        yield one


@pytest.mark.parametrize("path", TYPES)
def test_a_file_needs_no_token_and_is_protected(http: httpx2.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, TYPES[path])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", TYPES)
def test_a_file_that_a_browser_has_is_not_sent_again(http: httpx2.Client, path: str) -> None:
    first = http.get(path)
    assert first.headers["Cache-Control"] == "no-cache"
    again = http.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert http.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    head = http.head(path)
    assert (head.content, head.headers["ETag"]) == (b"", first.headers["ETag"])
    assert int(head.headers["Content-Length"]) == len(first.content)


def test_the_page_names_only_files_of_this_server(http: httpx2.Client) -> None:
    page = http.get("/docs").text
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {f"/{one}" for one in named} == {*TYPES, "/api/v2/openapi.json"} - {"/docs"}
    assert not re.search(r"<script[^>]*>[^<]|<style|\son[a-z]+=|\sstyle=", page)


def test_the_root_and_a_final_slash_lead_to_the_page(http: httpx2.Client, server: Server) -> None:
    for path in ("/", "/docs/"):
        assert http.get(path).status_code == 302
        led = http.get(path, follow_redirects=True)
        assert (led.status_code, str(led.url)) == (200, f"{server.url}/docs")


@pytest.mark.parametrize("path", ["/docs/nowhere", "/docs/source.json", "/docs/../docs/docs.js"])
def test_there_are_no_other_files(http: httpx2.Client, path: str) -> None:
    answer = http.get(path.replace("..", "%2e%2e"))
    assert (answer.status_code, answer.json()["error_code"]) == (404, "not_found")


def test_the_page_is_only_read(http: httpx2.Client) -> None:
    for path in ("/", *TYPES):
        assert http.options(path).headers["Allow"] == "GET, HEAD, OPTIONS"
        assert http.post(path).json()["error_code"] == "not_implemented"


@pytest.mark.parametrize("prefix", ["/clouds", "/docs", "/api"])
def test_a_proxy_s_prefix_is_kept(tmp_path: Path, prefix: str) -> None:
    with running(f'{DUMMY}[server]\nroot_path = "{prefix}"\n', tmp_path) as server:
        with loopback.client(server.url) as http:
            # The proxy leaves the prefix in the path, or takes it away.
            assert http.get("/").headers["Location"] == f"{prefix}/docs"
            if prefix != "/docs":  # there, /docs/ is the page's own path
                assert http.get(f"{prefix}/").headers["Location"] == f"{prefix}/docs"
                assert http.get(prefix).headers["Location"] == f"{prefix}/docs"
            for path in TYPES:
                assert http.get(f"{prefix}{path}").content == http.get(path).content
            description = http.get("/api/v2/openapi.json").json()
        assert description["servers"] == [{"url": f"{prefix}/api/v2"}]


def test_the_files_of_swagger_ui_are_those_of_the_recorded_version() -> None:
    record = json.loads((FOLDER / "swagger_ui" / "source.json").read_text(encoding="utf-8"))
    files = [one for one in (FOLDER / "swagger_ui").iterdir() if one.name != "source.json"]
    found = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in files}
    assert found == record["sha256"]
    notice = (ROOT / "docs/reference/dependencies.md").read_text(encoding="utf-8")
    assert f"swagger-ui-dist {record['version']}" in notice


def test_an_archive_with_another_hash_is_refused() -> None:
    check = runpy.run_path(str(ROOT / "requirements/swagger_ui.py"))["check"]
    with pytest.raises(SystemExit, match="the registry states sha512-other"):
        check("5.35.0", "sha512-other", b"content")


def test_the_core_carries_the_page_and_its_licences(wheels: Path) -> None:
    (wheel,) = wheels.glob("vm_orchestrator-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for part in ("page", "swagger_ui"):
        for file in (FOLDER / part).iterdir():
            assert f"orchestrator_core/api/docs_page/{part}/{file.name}" in names
    licences = {one.rpartition("/")[2] for one in names if ".dist-info/licenses/" in one}
    assert licences == {"LICENSE", "NOTICE"}
