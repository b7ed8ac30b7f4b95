"""Redaction of internal addresses from plugins' messages; all other text stays."""

from __future__ import annotations

import time

import pytest

from orchestrator_core.redaction import Endpoint, hide_addresses

ENDPOINT = Endpoint.of(
    {
        "url": "https://keystone.lab.corp:5443/v3",
        "host": "nova",
        "arguments": {"api_endpoint": "10.9.8.7", "image": "debian", "proxy": "http://p-1:3128"},
    }
)

MESSAGES = [
    "HTTPSConnectionPool(host='10.0.0.5', port=8774): Max retries exceeded with url: /v2.1/servers",
    "NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x7f8a1b2c>: [address]')",
    "HTTPConnectionPool(host='controller', port=8774): Read timed out. (read timeout=10)",
    "HTTPConnection(host='controller', port=8774): Failed to establish a new connection",
    "Cannot connect to host nova.internal:8774 ssl [Connect call failed ('10.0.0.5', 8774)]",
    "Failed to resolve 'nova.internal' ([Errno -2] Name or service not known)",
    "Failed to resolve 'controller' ([Errno -2] Name or service not known)",
    "curl: (7) Failed to connect to nova.internal port 8774 after 2 ms: Connection refused",
    'connection to server at "nova.internal", port 8774 failed: Connection refused',
    "Error 111 connecting to controller:8774. Connection refused.",
    "Unable to connect to port 8774 on 10.0.0.5",
    "hostname 'nova.internal' doesn't match 'controller'",
    'Could not connect to the endpoint URL: "https://nova.internal/"',
    "401 Client Error: Unauthorized for url: HTTPS://nova.internal:8774/v3/auth/tokens",
    "dial tcp 10.0.0.5:8774: connect: connection refused",
    "The service at nova:8774 is busy, and so is 'nova'",
    "fd00::5:1 is away, and [fd00::5:1]:8774",
    "Nothing listens at KEYSTONE.lab.corp, nor at port 5443",
    "amqp://guest:guest@controller:8774// is away",
]

INNER = ("10.0.0.5", "controller", "nova.internal", "8774", "nova'", "fd00", "lab.corp", "5443",
         "0x7f8a", "/v2.1", "guest")  # fmt: skip

REFUSALS = [
    "web-1.lab.corp.example is already assigned to ann",
    "VM 7 has version 2.37.1 at 12:30:05, size m5.large, image debian-12.qcow2 (ticket:1234)",
    "Policy doesn't allow os_compute_api:servers:create to be performed.",
    "The nova quota is used up; port 22 is closed",
    "set it as https://HOST:5000/v3, or qemu+tls://HOST/system",
]


@pytest.mark.parametrize("text", MESSAGES, ids=range(len(MESSAGES)))
def test_no_address_is_left(text: str) -> None:
    shown = hide_addresses(text, ENDPOINT).lower()
    assert "[address]" in shown
    assert not [inner for inner in INNER if inner.lower() in shown], shown


@pytest.mark.parametrize("text", REFUSALS, ids=range(len(REFUSALS)))
def test_what_people_need_stays(text: str) -> None:
    assert hide_addresses(text, ENDPOINT) == text


def test_what_the_caller_has_sent_is_no_news() -> None:
    text = "192.0.2.7 and 10.0.0.5 differ, as http://mirror/a and http://inner/b do"
    shown = hide_addresses(text, ENDPOINT, {"192.0.2.7", "http://mirror/a"})
    assert shown == "192.0.2.7 and [address] differ, as http://mirror/a and [address] do"


@pytest.mark.parametrize(
    "word",
    ["a", "a.", "a-", ":", "1:", "1.1.", "connect to ", "connect to a-", "resolve '", "host=", "<",
     "<a ", "://", "a://", "with url: /", "_", "a_.b", "[address] port "],
)  # fmt: skip
def test_the_longest_message_takes_no_long_time(word: str) -> None:
    begun = time.process_time()
    hide_addresses(word * (16_384 // len(word)), ENDPOINT)
    assert time.process_time() - begun < 0.5
