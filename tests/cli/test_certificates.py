"""Certificates and tokens near their end, as the doctor judges them."""

from __future__ import annotations

import base64
import datetime as dt
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import trustme
from cryptography import x509
from sqlalchemy import make_url

from orchestrator_core.cli.doctor import certificates
from orchestrator_core.cli.doctor.certificates import Validity
from tests.cli.examined import names, subject_of

DAY: Final = 86_400.0
NOW: Final = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def issued(begins: dt.datetime, ends: dt.datetime) -> trustme.LeafCert:
    return trustme.CA().issue_cert("127.0.0.1", not_before=begins, not_after=ends)


@pytest.mark.parametrize(
    ("length", "left", "found"),
    [
        (90, 20, []),
        (90, 13, ["certificate_ends warning"]),
        (90, 6, ["certificate_ends problem"]),
        (90, 0, ["certificate_ended problem"]),
        (6, 3, []),
        (6, 1.5, ["certificate_ends warning"]),
        (6, 0.5, ["certificate_ends problem"]),
    ],
)
def test_a_certificate_near_its_end(length: float, left: float, found: list[str]) -> None:
    ends = NOW + dt.timedelta(days=left)
    valid = Validity(ends - dt.timedelta(days=length), ends)
    assert names(certificates.ends("It", valid, NOW, "Renew it")) == found


@contextmanager
def tls_server(leaf: trustme.LeafCert, *, after_request: bool) -> Iterator[int]:
    """Answer one TLS connection, as PostgreSQL does or at once; yield the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                if after_request:
                    assert connection.recv(8) == bytes((0, 0, 0, 8, 4, 210, 22, 47))
                    connection.sendall(b"S")
                with context.wrap_socket(connection, server_side=True):
                    pass

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def test_the_certificate_of_a_clouds_url(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    leaf = issued(now - dt.timedelta(days=80), now + dt.timedelta(days=10))
    with tls_server(leaf, after_request=False) as port:
        toml = f'[assignments.pool]\nbackend = "cistern"\nurl = "https://127.0.0.1:{port}/api"\n'
        (found,) = certificates.examine(subject_of(tmp_path, toml))
    assert found.detail.startswith(
        f"The certificate of 127.0.0.1:{port} (assignments.pool) ends in 9 days"
    )


def test_the_certificate_of_a_database() -> None:
    leaf = issued(NOW, NOW.replace(year=2030))
    with tls_server(leaf, after_request=True) as port:
        url = make_url(f"postgresql+psycopg://u@127.0.0.1:{port}/x")
        der = certificates._of_postgresql(url)
    assert der is not None
    assert x509.load_der_x509_certificate(der).not_valid_after_utc.year == 2030


def json_web_token(**claims: object) -> str:
    parts = ({"alg": "none"}, claims)
    coded = (base64.urlsafe_b64encode(json.dumps(one).encode()) for one in parts)
    return ".".join([*(one.decode().rstrip("=") for one in coded), "signature"])


def test_a_token_that_says_when_it_ends(tmp_path: Path) -> None:
    soon = json_web_token(exp=(NOW + dt.timedelta(days=2)).timestamp(), name="ann")
    values = {
        "soon": soon,
        "late": json_web_token(exp=NOW.timestamp() + 90 * DAY),
        "none": json_web_token(name="ann"),
        "other": "three.plain.words",
    }
    toml = ""
    for name, value in values.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(value)
        toml += f'[assignments.{name}]\nbackend = "cistern"\nurl = "http://h"\n'
        toml += f'token = "file:{name}"\n'
    (found,) = certificates.tokens(subject_of(tmp_path, toml).settings, NOW)
    assert found.detail == "The token in [assignments.soon] token ends in 2 days."
    assert names([found]) == ["token_ends problem"]
    assert soon not in found.remedy


def test_a_certificate_that_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "server.key").touch(mode=0o600)
    (tmp_path / "server.pem").write_text("-----BEGIN CERTIFICATE-----\nhalf of a certif")
    toml = '[server.tls]\ncertificate = "server.pem"\nkey = "server.key"\n'
    found = certificates.examine(subject_of(tmp_path, toml))
    assert names(found) == ["certificate_unreadable problem"]
