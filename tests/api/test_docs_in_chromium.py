"""The page ``/docs`` in a real Chromium that can reach no other host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import visibility_of_element_located
from selenium.webdriver.support.wait import WebDriverWait

from tests import loopback
from tests.conftest import DUMMY, OPS_TOKEN, Server, running
from tests.machine import program

PREFIX = "/clouds"
PATIENCE = 30.0

NARROWEST_GAP = """
const text = cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return range.getBoundingClientRect();
};
const rows = [...document.querySelectorAll(".info table tbody tr")];
const gaps = rows.map(row => text(row.cells[1]).left - text(row.cells[0]).right);
return gaps.length ? Math.min(...gaps) : -1;
"""
"""The pixels between the texts of two columns in the table of conventions."""

OVERFLOW = "const page = document.documentElement; return page.scrollWidth - page.clientWidth"
"""The pixels by which the page is wider than the window."""

_WIDTHS = (400, 1280)

TOP_OF = "return arguments[0].getBoundingClientRect().top"

SETTINGS = f"""{DUMMY}
[server]
root_path = "{PREFIX}"
[auth]
mode = "token"
tokens = {{ops = "env:OPS_TOKEN"}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("docs")
    with running(SETTINGS, folder, {"OPS_TOKEN": OPS_TOKEN}) as one:
        yield one


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = program("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",  # Chromium's own does not start as root
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-proxy-server",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
        "--window-size=1280,1600",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = program("chromedriver", "chromium-driver")
    one = Chrome(options=options, service=ChromeService(driver))
    try:
        yield one
    finally:
        one.quit()


class Page:
    """The page in the browser, with what the browser asked for and complained about.

    Attributes:
        asked: the paths that the browser asked for until the page was shown.
    """

    def __init__(self, chromium: Chrome, server: Server, path: str = f"{PREFIX}/docs") -> None:
        self.chromium = chromium
        self._server = server
        self._wait = WebDriverWait(chromium, PATIENCE, poll_frequency=0.05)
        chromium.get("about:blank")
        self.log()  # that of the test before
        chromium.get(f"{server.url}{path}")
        self.see("#operations-clouds-list_clouds")
        self.asked = self.check_log()
        assert self.asked

    def see(self, selector: str) -> WebElement:
        """Wait until an element is shown; return it."""
        return self._wait.until(visibility_of_element_located((By.CSS_SELECTOR, selector)))

    def click(self, selector: str) -> None:
        element = self.see(selector)
        self.chromium.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def write(self, selector: str, text: str) -> None:
        self.see(selector).send_keys(text)

    def try_out(self, operation: str, **fields: str) -> tuple[int, Any]:
        """Send an operation's example with the values of fields; return the status and body."""
        block = f"#operations-{operation}"
        self.click(f"{block} .opblock-summary-control")
        self.click(f"{block} .try-out__btn")
        for name, value in fields.items():
            self.write(f"{block} tr[data-param-name='{name}'] input", value)
        self.click(f"{block} .execute")
        answer = f"{block} .live-responses-table"
        status = self.see(f"{answer} tbody .response-col_status").text
        return int(status.split()[0]), json.loads(self.see(f"{answer} pre code").text)

    def authorize(self, token: str) -> None:
        self.click(".auth-wrapper .authorize")
        self.write(".modal-ux input[type=text]", token)
        self.click(".modal-ux button.authorize")
        self.click(".modal-ux .btn-done")

    def log(self) -> tuple[list[str], list[str]]:
        """Return the addresses that were asked for and the console's warnings and errors."""
        events = [json.loads(one["message"])["message"] for one in self._entries("performance")]
        sent = [one["params"] for one in events if one["method"] == "Network.requestWillBeSent"]
        return (
            [one["request"]["url"] for one in sent],
            [one["message"] for one in self._entries("browser") if one["level"] != "INFO"],
        )

    def _entries(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.chromium.get_log(kind)  # type: ignore[no-untyped-call]
        return entries

    def check_log(self) -> list[str]:
        """Fail on a request to another host and on a word in the console; return the paths."""
        asked, complaints = self.log()
        parts = [urlsplit(one) for one in asked if not one.startswith("data:")]
        assert {one.netloc for one in parts} <= {urlsplit(self._server.url).netloc}
        assert complaints == []
        return [one.path for one in parts]


@pytest.fixture(scope="module")
def description(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = loopback.get(f"{server.url}/api/v2/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def page(chromium: Chrome, server: Server) -> Page:
    """Open the page once for tests that do not disturb each other: it takes 3 CPU seconds."""
    return Page(chromium, server, f"{PREFIX}/")


def test_the_page_shows_every_operation(
    chromium: Chrome, server: Server, page: Page, description: dict[str, Any]
) -> None:
    assert chromium.current_url == f"{server.url}{PREFIX}/docs"
    shown = {
        (one.find_element(By.CSS_SELECTOR, ".opblock-summary-method").text.lower(), path)
        for one in chromium.find_elements(By.CSS_SELECTOR, ".opblock")
        if (path := _path_of(one))
    }
    assert shown == {
        (method, path)
        for path, methods in description["paths"].items()
        for method in methods
        if method != "parameters"
    }
    assert f"{PREFIX}/api/v2/openapi.json" in page.asked


def _path_of(block: WebElement) -> str:
    found = block.find_element(By.CSS_SELECTOR, ".opblock-summary-path")
    return str(found.get_attribute("data-path"))


def test_an_operation_shows_the_examples_of_its_answers(page: Page) -> None:
    page.click("#operations-nodes-start_node .opblock-summary-control")
    answers = "#operations-nodes-start_node .responses-table .response"
    started = json.loads(page.see(f"{answers}[data-code='201'] .example code").text)
    assert started["node"]["name"] == "dummy-3"
    accepted = json.loads(page.see(f"{answers}[data-code='202'] .example code").text)
    assert accepted["operation"]["kind"] == "start_vm"
    problem = json.loads(page.see(f"{answers}[data-code='400'] .example code").text)
    assert problem["error_code"] == "invalid_parameter"
    page.check_log()


def test_a_request_to_another_host_and_a_broken_script_would_be_seen(
    chromium: Chrome, server: Server, page: Page
) -> None:
    chromium.execute_async_script(
        "fetch('http://other.example/').catch(() => 0).then(arguments[0])"
    )
    asked, complaints = page.log()
    assert any("Content Security Policy" in one for one in complaints)
    assert all(one.startswith((server.url, "data:")) for one in asked)


def test_a_reader_lists_the_clouds_and_starts_a_vm(chromium: Chrome, server: Server) -> None:
    page = Page(chromium, server)
    page.authorize(OPS_TOKEN)
    status, listed = page.try_out("clouds-list_clouds")
    assert status == 200
    assert [one["name"] for one in listed["clouds"]] == ["fake_driver"]
    status, started = page.try_out("nodes-start_node", cloud="fake_driver")
    assert status == 201, started
    node = f"{server.url}/api/v2/clouds/fake_driver/nodes/{started['node']['id']}"
    read = loopback.get(node, headers={"Authorization": f"Bearer {OPS_TOKEN}"})
    assert read.status_code == 200
    assert f"{PREFIX}/api/v2/clouds/fake_driver/nodes" in page.check_log()


def test_the_page_fits_into_a_narrow_and_a_wide_window(chromium: Chrome, server: Server) -> None:
    resize(chromium, _WIDTHS[0])
    page = Page(chromium, server)
    for width in _WIDTHS:
        resize(chromium, width)
        top = chromium.execute_script(TOP_OF, page.see(".auth-wrapper .authorize"))
        assert top < 600, f"Authorize is on the first screen of {width} pixels"
    page.click(".info details summary")
    page.click("#operations-nodes-start_node .opblock-summary-control")
    page.see("#operations-nodes-start_node .opblock-body")
    for width in _WIDTHS:
        resize(chromium, width)
        assert chromium.execute_script(OVERFLOW) == 0, width
        assert chromium.execute_script(NARROWEST_GAP) >= 8, width
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.check_log()


def resize(chromium: Chrome, width: int) -> None:
    metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
