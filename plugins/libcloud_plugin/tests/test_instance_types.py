"""EC2's sizes: from the cloud, and from Libcloud's table only if the cloud gives none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from orchestrator_core import CloudError, Deadline, SizeNotFound
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.listing import instance_types

Make = Callable[..., LibcloudDriver]
Query = dict[str, str]

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
BARE = "<item><instanceType>{}</instanceType></item>"
FULL = """
<item><instanceType>m9z.large</instanceType><currentGeneration>true</currentGeneration>
<bareMetal>false</bareMetal><processorInfo><supportedArchitectures><item>arm64</item>
</supportedArchitectures></processorInfo><vCpuInfo><defaultVCpus>2</defaultVCpus></vCpuInfo>
<memoryInfo><sizeInMiB>8192</sizeInMiB></memoryInfo><instanceStorageInfo>
<totalSizeInGB>118</totalSizeInGB></instanceStorageInfo></item>"""


class Amazon:
    """EC2's answers to DescribeInstanceTypes and to a start."""

    def __init__(self, *pages: str, refused: str = "") -> None:
        self.pages = pages
        self.refused = refused
        self.asked: list[Query] = []

    def answer(self, query: Query) -> tuple[int, str]:
        self.asked.append(query)
        if query["Action"] != "DescribeInstanceTypes":
            return 200, f'<X xmlns="{NAMESPACE}"/>'
        if self.refused:
            return 400, (
                f"<Response><Errors><Error><Code>{self.refused}</Code><Message>No.</Message>"
                "</Error></Errors><RequestID>r</RequestID></Response>"
            )
        number = int(query.get("NextToken", "0"))
        page = self.pages[number]
        if wanted := query.get("InstanceType.1"):
            page = "".join(p for p in self.pages if f">{wanted}<" in p)
            number = len(self.pages)
        more = f"<nextToken>{number + 1}</nextToken>" if number + 1 < len(self.pages) else ""
        return 200, (
            f'<DescribeInstanceTypesResponse xmlns="{NAMESPACE}"><requestId>r</requestId>'
            f"<instanceTypeSet>{page}</instanceTypeSet>{more}</DescribeInstanceTypesResponse>"
        )


@contextmanager
def serving(amazon: Amazon) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, text = amazon.answer(dict(parse_qsl(urlsplit(self.path).query)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Start = Callable[..., tuple[LibcloudDriver, Amazon]]


@pytest.fixture
def start(make: Make, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    monkeypatch.setattr(instance_types, "_reported", set())
    stack = []

    def _start(*pages: str, refused: str = "", region: str = "eu-west-1") -> Any:
        amazon = Amazon(*pages, refused=refused)
        running = serving(amazon)
        port = running.__enter__()
        stack.append(running)
        driver = make(
            provider="ec2",
            key="k",
            secret="env:TEST_SECRET",
            region=region,
            host="127.0.0.1",
            port=port,
            secure=False,
        )
        return driver, amazon

    yield _start
    for running in stack:
        running.__exit__(None, None, None)


def test_every_page_of_the_clouds_own_types_is_listed(start: Start, deadline: Deadline) -> None:
    driver, amazon = start(FULL, "", BARE.format("u-8tb9.metal"))
    sizes = driver.list_sizes(deadline=deadline)
    assert [(s.id, s.name, s.ram, s.disk, s.cpu) for s in sizes] == [
        ("m9z.large", "m9z.large", 8192, 118, 2),
        ("u-8tb9.metal", "u-8tb9.metal", None, 0, None),
    ]
    assert sizes[0].extra["processorArchitectures"] == ["arm64"]
    assert [query.get("NextToken") for query in amazon.asked] == [None, "1", "2"]


def test_one_size_is_one_request_for_that_type(start: Start, deadline: Deadline) -> None:
    driver, amazon = start(BARE.format("t3.micro"), FULL)
    assert driver.get_size(size_id="m9z.large", deadline=deadline).ram == 8192
    (query,) = amazon.asked
    assert query["InstanceType.1"] == "m9z.large"
    with pytest.raises(SizeNotFound, match=r"no size 'm9z\.huge'"):
        driver.get_size(size_id="m9z.huge", deadline=deadline)


@pytest.mark.parametrize("code", ["InvalidInstanceType", "InvalidParameterValue"])
def test_a_type_that_the_cloud_does_not_know(start: Start, deadline: Deadline, code: str) -> None:
    driver, _ = start(refused=code)
    with pytest.raises(SizeNotFound, match="no size 'gigantic'"):
        driver.get_size(size_id="gigantic", deadline=deadline)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("UnauthorizedOperation", "lack the permission ec2:DescribeInstanceTypes"),
        ("InvalidAction", "has no action DescribeInstanceTypes"),
    ],
)
def test_libclouds_table_answers_where_the_cloud_does_not(
    start: Start, deadline: Deadline, caplog: pytest.LogCaptureFixture, code: str, why: str
) -> None:
    driver, amazon = start(refused=code)
    with caplog.at_level(logging.WARNING):
        sizes = {size.id: size for size in driver.list_sizes(deadline=deadline)}
        assert sizes["t3.micro"].ram == 1024
        assert driver.get_size(size_id="t3.micro", deadline=deadline).ram == 1024
        passed_on = driver.get_size(size_id="r99z.48xlarge", deadline=deadline)
    assert (passed_on.id, passed_on.ram, passed_on.disk) == ("r99z.48xlarge", None, None)
    assert len(amazon.asked) == 3
    (line,) = [r.getMessage() for r in caplog.records if r.name == instance_types.__name__]
    assert line.startswith("Cloud aws does not list its instance types")
    assert why in line
    for nonsense in ("", "a b", "a/b", "x" * 200):
        with pytest.raises(SizeNotFound):
            driver.get_size(size_id=nonsense, deadline=deadline)


def test_a_region_without_a_table_shows_all_that_libcloud_knows(
    start: Start, deadline: Deadline
) -> None:
    for region in ("af-south-1", "mx-central-1"):
        driver, _ = start(refused="InvalidAction", region=region)
        assert {"t3.micro", "m6i.xlarge"} <= {s.id for s in driver.list_sizes(deadline=deadline)}


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "InternalError", "AuthFailure"])
def test_another_error_is_no_reason_to_believe_the_table(
    start: Start, deadline: Deadline, code: str
) -> None:
    driver, _ = start(refused=code)
    with pytest.raises(CloudError):
        driver.list_sizes(deadline=deadline)
    with pytest.raises(CloudError):
        driver.get_size(size_id="t3.micro", deadline=deadline)


def test_a_real_api_lists_what_libcloud_does_not_know(
    ec2: LibcloudDriver, raw_ec2: Any, deadline: Deadline
) -> None:
    found = {size.id: size for size in ec2.list_sizes(deadline=deadline)}
    assert len(found) > len(raw_ec2.list_sizes())
    assert (found["m5d.large"].ram, found["m5d.large"].disk, found["m5d.large"].cpu) == (
        8192,
        75,
        2,
    )
