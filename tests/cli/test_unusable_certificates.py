"""Certificates and keys that no server can use: one sentence for each, before the port opens."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from tests.cli.conftest import Run
from tests.server.test_tls import TLS, issue

SETTINGS = f'{TLS}[server]\nbind = "127.0.0.1:0"\n'


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def test_a_key_with_a_password_is_refused_and_not_asked_for(
    run: Run, tmp_path: Path, authority: trustme.CA
) -> None:
    issue(authority, tmp_path)
    key = tmp_path / "server.key"
    plain = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"a password"),
        )
    )
    config = tmp_path / "orchestrator.toml"
    config.write_text(SETTINGS)
    for command in ("check", "serve"):
        said = run(command, "--config", str(config))
        assert (said.returncode, said.stdout) == (1, "")
        assert f"[server.tls] key: {key} is protected by a password" in said.stderr
        assert f"openssl pkey -in {key} -out NEW" in said.stderr


def test_what_is_not_valid_after_its_first_line_is_told(
    run: Run, tmp_path: Path, authority: trustme.CA
) -> None:
    issue(authority, tmp_path)
    (tmp_path / "server.pem").write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
    config = tmp_path / "orchestrator.toml"
    config.write_text(SETTINGS)
    said = run("check", "--config", str(config))
    assert (said.returncode, "Traceback" in said.stderr) == (1, False)
    assert "server.key are not a PEM certificate with its key (" in said.stderr
