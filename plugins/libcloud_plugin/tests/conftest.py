"""A real EC2 API, and drivers made from settings."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from any_host import Answer, any_host

from orchestrator_core import Deadline, PluginContext
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.fake import ec2_server

Make = Callable[..., LibcloudDriver]

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "azure_arm": {"tenant_id": "t", "subscription_id": "s"},
    "gce": {"project": "p", "auth_type": "IA"},
}
_WITHOUT_SECRET = frozenset({"cloudscale", "digitalocean", "gandi", "linode", "vultr"})


@pytest.fixture(scope="session")
def ec2_port() -> Iterator[int]:
    """Run a real EC2 API on loopback, in a process of its own."""
    with ec2_server() as port:
        yield port


@pytest.fixture(scope="session")
def ec2_settings(ec2_port: int) -> Iterator[dict[str, Any]]:
    """Return ``[clouds.NAME]`` for that API, as a settings file would have it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_EC2_KEY", "AKIAIOSFODNN7EXAMPLE")
        patch.setenv("TEST_EC2_SECRET", "wJalrXUtnFEMIexample")
        yield {
            "provider": "ec2",
            "key": "env:TEST_EC2_KEY",
            "secret": "env:TEST_EC2_SECRET",
            "region": "eu-west-1",
            "host": "127.0.0.1",
            "port": ec2_port,
            "secure": False,
        }


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Return a function that makes a driver from settings, as the core does."""

    def _make(**settings: Any) -> LibcloudDriver:
        loaded = LibcloudDriver.settings_schema().load(settings)
        context = PluginContext(name="aws", run_directory=tmp_path_factory.getbasetemp())
        return LibcloudDriver(context, loaded)

    return _make


@pytest.fixture(scope="session")
def ec2(make: Make, ec2_settings: dict[str, Any]) -> LibcloudDriver:
    return make(**ec2_settings)


@pytest.fixture(scope="session")
def raw_ec2(ec2_settings: dict[str, Any]) -> Any:
    """Return Libcloud's own driver for the same API, for what the contract does not cover."""
    from libcloud.compute.providers import get_driver  # noqa: PLC0415 - only these tests use it

    return get_driver("ec2")(
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMIexample",
        region=ec2_settings["region"],
        host=ec2_settings["host"],
        port=ec2_settings["port"],
        secure=False,
        signature_version="4",
    )


@pytest.fixture
def deadline() -> Deadline:
    return Deadline(30)


@pytest.fixture
def key_pair(raw_ec2: Any) -> str:
    name = f"key-{uuid.uuid4().hex[:8]}"
    raw_ec2.create_key_pair(name)
    return name


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def served(
    make: Make, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, Answer], LibcloudDriver]]:
    """Return a function that serves a provider of the test's making to its real driver."""
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    token = {"access_token": "t", "expire_time": "2099-01-01T00:00:00Z"}
    (tmp_path / "token").write_text(json.dumps(token))
    with ExitStack() as stack:

        def _served(
            provider: str, answer: Answer, arguments: Any = None, **more: Any
        ) -> LibcloudDriver:
            port = stack.enter_context(any_host(answer, authority))
            arguments = {**_ARGUMENTS.get(provider, {}), **(arguments or {})}
            if provider == "gce":
                arguments["credential_file"] = str(tmp_path / "token")
            secret = {} if provider in _WITHOUT_SECRET else {"secret": "env:TEST_SECRET"}
            way = {"proxy": f"http://127.0.0.1:{port}", "ca_file": str(tmp_path / "ca.pem")}
            settings = {"provider": provider, "key": "k", **secret, **way, **more}
            return make(**settings, arguments=arguments)

        yield _served
