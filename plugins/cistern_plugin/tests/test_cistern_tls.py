"""TLS to Cistern: trusted certificates, and the deadline."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator_cistern import CisternBackend
from orchestrator_core import CloudUnreachable, Deadline

pytest.importorskip("cryptography")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return one PEM file with the key and certificate of 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cistern")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path / "cistern.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def secure_url(cistern_server: Any, certificate: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return str(cistern_server.secure(context))


Make = Callable[..., CisternBackend]


def test_a_certificate_that_ca_file_holds_is_trusted(
    cistern_server: Any, secure_url: str, make_backend: Make, certificate: Path
) -> None:
    backend = make_backend(url=secure_url, ca_file=str(certificate))
    cistern_server.add("aws", "i-1", "web1")

    for _ in range(2):
        assert len(backend.list_vms("aws", Deadline(5))) == 1
    assert len({request.connection for request in cistern_server.requests}) == 1


def test_any_other_certificate_is_not(
    cistern_server: Any, secure_url: str, make_backend: Make
) -> None:
    with pytest.raises(CloudUnreachable) as caught:
        make_backend(url=secure_url).list_vms("aws", Deadline(5))
    assert caught.value.message == (
        "Backend brain cannot be reached: its certificate is not trusted"
    )
    assert cistern_server.requests == []


def test_a_server_without_tls(cistern_server: Any, make_backend: Make) -> None:
    url = cistern_server.url.replace("http:", "https:")
    with pytest.raises(CloudUnreachable, match="no TLS connection could be made"):
        make_backend(url=url).list_vms("aws", Deadline(5))


def test_the_deadline_holds_within_tls(
    cistern_server: Any, secure_url: str, make_backend: Make, certificate: Path
) -> None:
    backend = make_backend(url=secure_url, ca_file=str(certificate))
    cistern_server.misbehave("slow head")
    with pytest.raises(Exception, match=r"did not answer within 0\.3 s"):
        backend.list_vms("aws", Deadline(0.3))
