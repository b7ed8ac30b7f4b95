"""clouds.yaml and openrc files, read by openstacksdk's documented rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from marshmallow import ValidationError
from openstack_cloud import OpenStack, server, serving

from orchestrator_core import Deadline
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.openstack.options import Options, resolve
from orchestrator_libcloud.settings import LibcloudSettings

Make = Callable[..., LibcloudDriver]

TWO = """
clouds:
  lab:
    auth:
      auth_url: http://keystone.invalid:5000/v3
      username: ada
      password: secret1
      project_name: physics
      user-domain-name: Science
      project_domain_name: Default
    region_name: RegionOne
    interface: internal
  home:
    auth: {auth_url: http://home.invalid/identity, username: bob, password: secret2}
    regions: [{name: east}, west]
    compute_endpoint_override: http://nova.invalid/v2.1
    cacert: certs/ca.pem
  robot:
    auth_type: v3applicationcredential
    auth:
      auth_url: http://home.invalid/identity/v3
      application_credential_id: a1
      application_credential_secret: secret3
"""
RC = """#!/usr/bin/env bash
# To use an OpenStack cloud
export OS_AUTH_URL=http://keystone.invalid:5000/v3/
export OS_PROJECT_ID=0123abc
export OS_PROJECT_NAME="physics"
export OS_USER_DOMAIN_NAME="Science"
if [ -z "$OS_USER_DOMAIN_NAME" ]; then unset OS_USER_DOMAIN_NAME; fi
export OS_PROJECT_DOMAIN_ID='default'
unset OS_TENANT_ID
export OS_USERNAME="ada"  # that is me
echo "Please enter your OpenStack Password for project $OS_PROJECT_NAME: "
read -sr OS_PASSWORD_INPUT
export OS_PASSWORD=$OS_PASSWORD_INPUT
OS_REGION_NAME="RegionOne"
export OS_INTERFACE=public
export OS_ENDPOINT_TYPE=publicURL
export OS_IDENTITY_API_VERSION=3
"""


def written(folder: Path, text: str, name: str = "clouds.yaml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def options(**given: Any) -> Options:
    return resolve(LibcloudSettings().load({"provider": "openstack", **given}))


def fault(**given: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        LibcloudSettings().load({"provider": "openstack", **given})
    assert isinstance(caught.value.messages, dict)
    ((why,),) = caught.value.messages.values()
    return str(why)


def test_an_entry_is_read(tmp_path: Path) -> None:
    found = options(clouds_file=written(tmp_path, TWO), cloud="lab")
    assert found.auth == {
        "auth_url": "http://keystone.invalid:5000",
        "username": "ada",
        "password": "secret1",
        "project_name": "physics",
        "user_domain_name": "Science",
        "project_domain_name": "Default",
    }
    assert (found.region, found.interface) == ("RegionOne", "internal")
    assert "secret1" not in repr(found)


def test_regions_addresses_and_certificates(tmp_path: Path) -> None:
    file = written(tmp_path, TWO)
    found = options(clouds_file=file, cloud="home")
    assert found.region == "east"
    assert found.overrides == {"compute": "http://nova.invalid/v2.1"}
    assert found.ca_file == tmp_path / "certs" / "ca.pem"
    assert options(clouds_file=file, cloud="home", region="west").region == "west"


def test_an_application_credential(tmp_path: Path) -> None:
    found = options(clouds_file=written(tmp_path, TWO), cloud="robot")
    assert found.version == "3.x_appcred"
    assert found.auth["application_credential_id"] == "a1"
    assert found.auth["auth_url"] == "http://home.invalid/identity"


def test_the_only_cloud_need_not_be_named(tmp_path: Path) -> None:
    file = written(
        tmp_path, "clouds:\n  a:\n    auth: {auth_url: 'http://h', username: u, password: p}\n"
    )
    assert options(clouds_file=file).auth["username"] == "u"


def test_secure_yaml_is_merged_over_it(tmp_path: Path) -> None:
    file = written(tmp_path, "clouds: {a: {auth: {auth_url: 'http://h', username: u}}, b: {}}")
    written(tmp_path, "clouds: {a: {auth: {password: p}}}", "secure.yaml")
    assert options(clouds_file=file, cloud="a").auth["password"] == "p"


def test_a_profile_comes_from_the_file_beside_it(tmp_path: Path) -> None:
    file = written(tmp_path, "clouds: {a: {profile: big, auth: {username: u, password: p}}}")
    assert "'big', which is not in a clouds-public.yaml" in fault(clouds_file=file)
    written(
        tmp_path,
        "public-clouds: {big: {auth: {auth_url: 'https://{region_name}.h'}, region_name: r1}}",
        "clouds-public.yaml",
    )
    assert options(clouds_file=file).auth["auth_url"] == "https://r1.h"


def test_the_settings_go_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSWORD", "other")
    found = options(
        clouds_file=written(tmp_path, TWO),
        cloud="lab",
        key="eve",
        secret="env:TEST_PASSWORD",
        region="RegionTwo",
        interface="public",
        auth={"project_id": "p9"},
    )
    assert (found.auth["username"], found.auth["password"]) == ("eve", "other")
    assert (found.region, found.interface) == ("RegionTwo", "public")
    assert found.auth["project_id"] == "p9"


def test_an_openrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, RC, "physics-openrc.sh")
    assert "password under auth" in fault(clouds_file=file)  # The shell would prompt for it.
    monkeypatch.setenv("TEST_PASSWORD", "asked")
    found = options(clouds_file=file, secret="env:TEST_PASSWORD")
    assert found.auth == {
        "auth_url": "http://keystone.invalid:5000",
        "project_id": "0123abc",
        "project_name": "physics",
        "user_domain_name": "Science",
        "project_domain_id": "default",
        "username": "ada",
        "password": "asked",
    }
    assert (found.region, found.interface) == ("RegionOne", "public")


@pytest.mark.parametrize("value", ["'a$b c'", '"a b"', "plain#not-a-comment", "x\\ y"])
def test_passwords_in_an_openrc(tmp_path: Path, value: str) -> None:
    text = f"export OS_AUTH_URL=http://h\nexport OS_USERNAME=u\nexport OS_PASSWORD={value}\n"
    found = options(clouds_file=written(tmp_path, text, "rc"))
    plain = {"'a$b c'": "a$b c", '"a b"': "a b", "x\\ y": "x y"}
    assert found.auth["password"] == plain.get(value, value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("clouds: [", "is not YAML (line 1)"),
        ("- a\n- b", "has no 'clouds' in it"),
        ("clouds: {a: 7}", "the cloud 'a'"),
        ("clouds: {a: {}, b: {}}", "must name one of the clouds in"),
        ("clouds: {a: {auth: 7}}", "auth of the cloud 'a'"),
        ("clouds: {a: {auth_type: v3oidcpassword}}", "has auth_type 'v3oidcpassword'; supported"),
        ("clouds: {a: {identity_api_version: 2}}", "only 3 is supported"),
        ("clouds: {a: {verify: false}}", "name the cloud's own certificates"),
        ("clouds: {a: {interface: outside}}", "must be public, internal or admin"),
        ("clouds: {a: {auth: {username: u}}}", "needs ex_force_auth_url"),
        ("!!python/object/apply:os.system ['true']", "is not YAML"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str, why: str) -> None:
    assert why in fault(clouds_file=written(tmp_path, text))


def test_what_is_not_there(tmp_path: Path) -> None:
    assert "there is no file" in fault(clouds_file=str(tmp_path / "none.yaml"))
    assert "did you mean 'lab'?" in fault(clouds_file=written(tmp_path, TWO), cloud="labs")
    assert "sets none of the variables" in fault(clouds_file=written(tmp_path, "# x", "rc"))
    assert "not a YAML" in fault(clouds_file=written(tmp_path, RC, "rc"), cloud="lab")
    (tmp_path / "latin.yaml").write_bytes("clouds: {é: 1}".encode("latin-1"))
    assert "is not UTF-8" in fault(clouds_file=str(tmp_path / "latin.yaml"))


def test_a_cloud_is_reached_by_its_file_alone(
    make: Make, deadline: Deadline, tmp_path: Path
) -> None:
    with serving(OpenStack(servers=[server(1)], auth="/identity/v3")) as there:
        auth = f"{{auth_url: '{there.url('/identity')}', username: u, password: p, project_id: x}}"
        file = written(tmp_path, "\ufeffclouds: {a: {auth: " + auth + "}}")
        driver = make(provider="openstack", clouds_file=file)
        assert [node.name for node in driver.list_nodes(deadline=deadline)] == ["vm-1"]
        assert driver.describe().host == "127.0.0.1"
