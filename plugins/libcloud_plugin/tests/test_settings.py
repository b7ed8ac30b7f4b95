"""The plugin's settings: valid and invalid ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from marshmallow import ValidationError

from orchestrator_core.settings.load import load_section, load_settings
from orchestrator_libcloud.settings import LibcloudSettings


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SECRET", "s3cret")


PAIR = {"key": "user", "secret": "env:TEST_SECRET"}


def wrong(**settings: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        LibcloudSettings().load(settings)
    messages = caught.value.messages
    assert isinstance(messages, dict)
    return messages


@pytest.mark.parametrize(
    "settings",
    [
        {"provider": "ec2", **PAIR, "region": "eu-west-1", "host": "h", "port": 1, "secure": False},
        {"provider": "openstack", **PAIR, "arguments": {"ex_force_auth_url": "http://h:5000"}},
        {"provider": "libvirt", "key": "qemu:///system"},
        {"provider": "libvirt", "arguments": {"uri": "qemu:///system"}},
        {"provider": "dummy", "key": "anyone"},
        {"provider": "ec2", **PAIR, "image_owner": ["self", "amazon", "123456789012"]},
        {"provider": "ec2", "key": "user", "arguments": {"secret": "env:TEST_SECRET"}},
    ],
)
def test_good_settings(settings: dict[str, Any]) -> None:
    LibcloudSettings().load(settings)


def test_an_unknown_provider_is_named_with_the_nearest_word() -> None:
    assert wrong(provider="openstak", **PAIR)["provider"] == [
        "Libcloud has no provider 'openstak'; did you mean 'openstack'?"
    ]
    assert "; known are abiquo, " in wrong(provider="zzzzzz")["provider"][0]
    assert "no longer has 'ninefold'" in wrong(provider="ninefold")["provider"][0]
    assert "did you mean 'ec2'?" in wrong(provider="EC2", **PAIR)["provider"][0]


def test_missing_and_unknown_keys() -> None:
    (missing,) = wrong(key="s3cret")["provider"]
    assert missing.startswith("Missing; write Libcloud's name of the provider, such as ")
    assert wrong(provider="dummy", key="s3cret", colour="red") == {"colour": ["Unknown field."]}
    assert wrong(provider="ec2") == {
        "key": ["provider 'ec2' needs it, such as key = \"env:EC2_KEY\""],
        "secret": ["provider 'ec2' needs it, such as secret = \"env:EC2_SECRET\""],
    }


def test_arguments_that_a_provider_needs() -> None:
    assert wrong(provider="openstack", **PAIR) == {
        "arguments": ["provider 'openstack' needs ex_force_auth_url here"]
    }


def test_what_a_provider_does_not_take() -> None:
    assert wrong(provider="libvirt", key="test:///default", region="x") == {
        "region": [
            (
                "provider 'libvirt' does not take it (it takes key, secret; put other arguments "
                "of its Libcloud driver into arguments)"
            )
        ]
    }
    assert set(wrong(provider="dummy", key="s3cret", secret="env:TEST_SECRET", port=1)) == {
        "secret",
        "port",
    }


def test_one_thing_said_twice() -> None:
    assert wrong(provider="ec2", **PAIR, region="eu-west-1", arguments={"region": "x"}) == {
        "region": ["given twice: here and in arguments"]
    }


def test_image_owners_where_there_are_any() -> None:
    only = "(only ec2, eucalyptus, nimbus, outscale_inc, outscale_sas do)"
    assert wrong(provider="libvirt", key="test:///default", image_owner=["self"]) == {
        "image_owner": [f"provider 'libvirt' does not take it {only}"]
    }
    for value in ([], "self", [""], [1]):
        assert set(wrong(provider="ec2", **PAIR, image_owner=value)) == {"image_owner"}


def test_secrets_are_references() -> None:
    assert set(wrong(provider="ec2", key="user", secret="plain")) == {"secret"}
    assert set(wrong(provider="ec2", key="user", secret="env:NOT_SET_ANYWHERE")) == {"secret"}
    assert set(wrong(provider="ec2", **PAIR, arguments={"token": "env:NOT_SET_ANYWHERE"})) == {
        "arguments"
    }
    loaded = LibcloudSettings().load({"provider": "ec2", **PAIR})
    assert "s3cret" not in repr(loaded)


def test_values_of_the_wrong_kind(tmp_path: Path) -> None:
    assert set(wrong(provider="ec2", **PAIR, port="x", secure="x", ca_file="")) == {
        "port",
        "secure",
        "ca_file",
    }
    assert set(wrong(provider="ec2", **PAIR, port=70000)) == {"port"}
    for size in (0, 5000, "64", 1.5):
        assert set(wrong(provider="ec2", **PAIR, max_answer=size)) == {"max_answer"}
    assert (
        "there is no file"
        in wrong(provider="ec2", **PAIR, ca_file=str(tmp_path / "x"))["ca_file"][0]
    )


@pytest.mark.parametrize("text", ["12e10", "007", "true", "1_000", "2", "2.0"])
def test_an_argument_from_the_environment_that_is_a_text_stays_one(text: str) -> None:
    environ = {
        "DRIVER": "libcloud",
        "PROVIDER": "openstack",
        "KEY": text,
        "SECRET": "env:TEST_SECRET",
        "REGION": text,
        "ARGUMENTS__EX_FORCE_AUTH_URL": "http://h:5000",
        "ARGUMENTS__EX_FORCE_AUTH_VERSION": text,
        "ARGUMENTS__EX_TENANT_NAME": text,
        "ARGUMENTS__TIMEOUT": "30",
        "ARGUMENTS__EX_TOKEN_BEARER_AUTH": "false",
    }
    names = {f"ORCHESTRATOR__CLOUDS__OS__{name}": value for name, value in environ.items()}
    settings = load_settings(None, names)
    plugin = settings.clouds["os"].plugin
    loaded = load_section(LibcloudSettings(), plugin, settings, ("clouds", "os"), ())
    assert (loaded["key"].reveal(), loaded["region"]) == (text, text)
    assert loaded["arguments"] == {
        "ex_force_auth_url": "http://h:5000",
        "ex_force_auth_version": text,
        "ex_tenant_name": text,
        "timeout": 30,
        "ex_token_bearer_auth": False,
    }
