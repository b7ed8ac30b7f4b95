"""OpenStack's settings in all forms of openrc, clouds.yaml and the catalogue."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner
from marshmallow import ValidationError
from openstack_cloud import OpenStack, html, image, server, serving

from orchestrator_core import (
    CloudError,
    CredentialsRefused,
    Deadline,
    ImageFilter,
    OrchestratorError,
)
from orchestrator_core.cli.main import main
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.settings import LibcloudSettings

Make = Callable[..., LibcloudDriver]

PASSWORD = "pa$s word"


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSWORD", PASSWORD)


def settings(url: str, **more: Any) -> dict[str, Any]:
    arguments = {"ex_force_auth_url": url, "ex_tenant_name": "physics", **more.pop("arguments", {})}
    pair = {"key": "ada", "secret": "env:TEST_PASSWORD"}
    return {"provider": "openstack", **pair, "arguments": arguments, **more}


def cloud(**more: Any) -> OpenStack:
    return OpenStack(servers=[server(1)], images=[image(1)], **more)


def check_reached(driver: LibcloudDriver, deadline: Deadline) -> None:
    assert [node.name for node in driver.list_nodes(deadline=deadline)] == ["vm-1"]
    assert [one.id for one in driver.list_images(filters=ImageFilter(), deadline=deadline)] == [
        "image-1"
    ]


def why_not(driver: LibcloudDriver, deadline: Deadline) -> str:
    with pytest.raises(OrchestratorError) as caught:
        driver.check(deadline=deadline)
    return caught.value.message


@pytest.mark.parametrize(
    ("prefix", "written"),
    [
        ("", ""),
        ("", "/"),
        ("", "/v3"),
        ("", "/v3/"),
        ("", "//v3//"),
        ("", "/v2.0"),
        ("", "/v3/auth/tokens"),
        ("/identity", "/identity"),
        ("/identity", "/identity/v3/"),
        ("/a/b", "/a/b/v3"),
    ],
)
def test_the_auth_url_may_be_written_in_many_ways(
    make: Make, deadline: Deadline, prefix: str, written: str
) -> None:
    with serving(cloud(auth=f"{prefix}/v3")) as there:
        check_reached(make(**settings(there.url(written))), deadline)
        assert len(there.logins) == 1


@pytest.mark.parametrize(
    ("real", "shown"),
    [
        (("/v2.1", ""), ("/v2.1", "")),
        (("/v2.1", ""), ("/v2.1/", "/")),
        (("/compute/v2.1", "/image"), ("/compute/v2.1", "/image/v2")),
        (("/compute/v2.1/0123abc", "/image"), ("/compute/v2.1/0123abc/", "/image/v2/")),
        (("/v2/0123abc", "/image"), ("/v2/0123abc", "/image/v2.9")),
        (("/compute/v2.1", "/image"), ("/compute", "/image/v1")),
    ],
)
def test_services_may_be_at_versioned_addresses_or_not(
    make: Make, deadline: Deadline, real: tuple[str, str], shown: tuple[str, str]
) -> None:
    def catalog(there: OpenStack) -> Any:
        return [there.service("compute", shown[0]), there.service("image", shown[1])]

    with serving(cloud(nova=real[0], glance=real[1], catalog_of=catalog)) as there:
        check_reached(make(**settings(there.url("/v3"))), deadline)


@pytest.mark.parametrize(
    "odd",
    [
        {"region": None},
        {"region_id": None},
        {"region": ...},
        {"region": "RegionOne", "region_id": ...},
    ],
)
def test_a_region_may_be_told_by_its_id_or_name_alone(
    make: Make, deadline: Deadline, odd: dict[str, Any]
) -> None:
    def catalog(there: OpenStack) -> Any:
        entries = [there.service("compute", there.nova), there.service("image", there.glance)]
        for entry in entries:
            for end in entry["endpoints"]:
                end |= {key: value for key, value in odd.items() if value is not ...}
                for key in [key for key, value in odd.items() if value is ...]:
                    del end[key]
        return entries

    with serving(cloud(catalog_of=catalog)) as there:
        check_reached(make(**settings(there.url("/v3"), region="RegionOne")), deadline)


def test_services_go_by_their_type_whatever_their_name(make: Make, deadline: Deadline) -> None:
    def catalog(there: OpenStack) -> Any:
        return [
            {"type": "nonsense"},
            {"type": "object-store", "name": "swift", "endpoints": None},
            there.service("compute", there.nova, "Compute Service", region_id="x", region="x"),
            {**there.service("image", there.glance), "name": None},
        ]

    with serving(cloud(catalog_of=catalog)) as there:
        check_reached(make(**settings(there.url("/v3"))), deadline)


def test_a_cloud_at_ipv6_addresses(make: Make, deadline: Deadline) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with serving(cloud(host="::1", nova="/compute/v2.1", glance="/image")) as there:
        check_reached(make(**settings(there.url("/v3"))), deadline)


_DEFAULT = {"id": "default"}


@pytest.mark.parametrize(
    ("auth", "user", "scope"),
    [
        (
            {"project_id": "p1"},
            {"name": "ada", "domain": _DEFAULT},
            {"project": {"id": "p1"}},
        ),
        (
            {"project_name": "physics", "project_domain_name": "Science", "user_domain_id": "d2"},
            {"name": "ada", "domain": {"id": "d2"}},
            {"project": {"name": "physics", "domain": {"name": "Science"}}},
        ),
        (
            {"tenant_name": "physics", "domain_name": "Science"},
            {"name": "ada", "domain": {"name": "Science"}},
            {"project": {"name": "physics", "domain": {"name": "Science"}}},
        ),
        (
            {"user_id": "u1", "domain_id": "d1"},
            {"id": "u1"},
            {"domain": {"id": "d1"}},
        ),
        ({"system_scope": "all"}, {"name": "ada", "domain": _DEFAULT}, {"system": {"all": True}}),
        ({}, {"name": "ada", "domain": _DEFAULT}, None),
    ],
)
def test_projects_and_users_by_id_or_by_name_and_domain(
    make: Make, deadline: Deadline, auth: dict[str, str], user: Any, scope: Any
) -> None:
    with serving(cloud()) as there:
        pair = {"key": "ada", "secret": "env:TEST_PASSWORD"}
        check_reached(
            make(provider="openstack", **pair, auth={"auth_url": there.url("/v3"), **auth}),
            deadline,
        )
        (sent,) = (body["auth"] for body in there.logins)
        told = {**user, "password": PASSWORD}
        assert sent["identity"] == {"methods": ["password"], "password": {"user": told}}
        assert sent.get("scope") == scope


def test_libclouds_own_words_for_user_domain_and_project(make: Make, deadline: Deadline) -> None:
    arguments = {"ex_domain_name": "Science", "ex_tenant_domain_id": "d7"}
    with serving(cloud()) as there:
        check_reached(make(**settings(there.url(""), arguments=arguments)), deadline)
        (sent,) = (body["auth"] for body in there.logins)
    assert sent["identity"]["password"]["user"]["domain"] == {"name": "Science"}
    assert sent["scope"] == {"project": {"name": "physics", "domain": {"id": "d7"}}}


def test_the_login_of_keystones_api_2(make: Make, deadline: Deadline) -> None:
    arguments = {"ex_force_auth_version": "2.0_password"}
    with serving(cloud()) as there:
        driver = make(**settings(there.url("/v2.0/"), arguments=arguments))
        for _ in range(2):
            assert len(driver.list_nodes(deadline=deadline)) == 1
        (sent,) = (body["auth"] for body in there.logins)
    assert sent["tenantName"] == "physics"
    assert sent["passwordCredentials"] == {"username": "ada", "password": PASSWORD}


@pytest.mark.parametrize("by", ["arguments", "auth", "name"])
def test_application_credentials(make: Make, deadline: Deadline, by: str) -> None:
    with serving(cloud()) as there:
        if by == "arguments":
            kind = {"ex_force_auth_url": there.url(""), "ex_force_auth_version": "3.x_appcred"}
            given: dict[str, Any] = {"key": "a1", "secret": "env:TEST_PASSWORD", "arguments": kind}
        else:
            named = {"id": {"application_credential_id": "a1"}}
            named["name"] = {"application_credential_name": "bot", "user_id": "u1"}
            which = named["id" if by == "auth" else "name"]
            secret = {"application_credential_secret": "env:TEST_PASSWORD"}
            given = {"auth": {"auth_url": there.url("/v3"), **which, **secret}}
        check_reached(make(provider="openstack", **given), deadline)
        (sent,) = (body["auth"] for body in there.logins)
    told = {"id": "a1"} if by != "name" else {"name": "bot", "user": {"id": "u1"}}
    assert sent == {
        "identity": {
            "methods": ["application_credential"],
            "application_credential": {**told, "secret": PASSWORD},
        }
    }


def test_a_wrong_region_is_told_with_those_that_exist(make: Make, deadline: Deadline) -> None:
    def catalog(there: OpenStack) -> Any:
        regions = [{"region": name, "region_id": name} for name in ("north", "south")]
        return [there.service("compute", there.nova, **region) for region in regions]

    with serving(cloud(catalog_of=catalog)) as there:
        wrong = why_not(make(**settings(there.url("/v3"), region="North")), deadline)
        assert "no compute service in region 'North'; set region to one of: north, south" in wrong
        none = why_not(make(**settings(there.url("/v3"))), deadline)
        assert "in several regions; set region to one of: north, south" in none
        make(**settings(there.url("/v3"), region="south")).check(deadline=deadline)


@pytest.mark.parametrize(
    ("catalog", "why"),
    [
        ([], "returned no catalogue of services; name the project"),
        (None, "returned no catalogue of services; name the project"),
        ([{"type": "dns", "endpoints": [{"interface": "public", "url": "http://h"}]}], "has: dns"),
        (
            [{"type": "compute", "endpoints": [{"interface": "internal", "url": "http://h"}]}],
            "no public address of the compute service; set interface to one of: internal",
        ),
        (
            [{"type": "compute", "endpoints": [{"interface": "public", "url": "nova:8774/v2"}]}],
            "the catalogue's address of the compute service must begin with http",
        ),
    ],
)
def test_a_catalogue_without_the_service(
    make: Make, deadline: Deadline, catalog: Any, why: str
) -> None:
    with serving(cloud(catalog_of=lambda _: catalog)) as there:
        assert why in why_not(make(**settings(there.url("/v3"))), deadline)


def test_another_interface(make: Make, deadline: Deadline) -> None:
    def catalog(there: OpenStack) -> Any:
        entries = [there.service("compute", there.nova), there.service("image", there.glance)]
        for entry in entries:
            entry["endpoints"][2]["url"] = "http://public.invalid/v2.1"
        return entries

    with serving(cloud(catalog_of=catalog)) as there:
        driver = make(**settings(there.url("/v3"), interface="internal"))
        check_reached(driver, deadline)
        public = why_not(make(**settings(there.url("/v3"))), deadline)
    assert "no host has its name (its compute service at the address from its catalogue" in public


def test_check_says_what_is_wrong_and_what_to_change(make: Make, deadline: Deadline) -> None:
    with serving(cloud(refuses=True)) as there:
        driver = make(**settings(there.url("/v3")))
        with pytest.raises(CredentialsRefused, match=r"check user \(key\), password \(secret\)"):
            driver.check(deadline=deadline)
        elsewhere = why_not(make(**settings(there.url("/wrong/v3"))), deadline)
        assert "no Keystone v3 API at the auth URL" in elsewhere
        assert "ex_force_auth_url" in elsewhere
    closed = why_not(make(**settings(there.url("/v3"))), deadline)
    assert closed.endswith("cannot be reached (Keystone at the auth URL)")


def test_check_tells_a_status_that_is_in_no_table(make: Make, deadline: Deadline) -> None:
    with serving(cloud(before=lambda *_: html(418))) as there:
        why = why_not(make(**settings(there.url("/v3"))), deadline)
    assert why.endswith(
        "failed (its last answer was 418; check the addresses, the region and the arguments "
        "in the settings)"
    )


def test_a_compute_address_that_leads_elsewhere(make: Make, deadline: Deadline) -> None:
    with serving(cloud(before=lambda *_: html(404))) as there:
        driver = make(**settings(there.url("/v3")))
        with pytest.raises(CloudError, match="answered 404, but not as Nova does"):
            driver.list_nodes(deadline=deadline)
        with pytest.raises(CloudError, match="answered 404, but not as Nova does"):
            driver.get_node(node_id="x", deadline=deadline)


def test_check_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "orchestrator.toml"
    with serving(cloud()) as there:
        file.write_text(
            '[clouds.os]\ndriver = "libcloud"\nprovider = "openstack"\nkey = "ada"\n'
            f'secret = "env:TEST_PASSWORD"\nregion = "Nowhere"\n'
            f'[clouds.os.arguments]\nex_force_auth_url = "{there.url("/v3")}"\n'
        )
        try:
            done = CliRunner().invoke(main, ["check", "--connect", "--config", str(file)])
        finally:
            structlog.reset_defaults()  # the command configures the log of this process
    assert done.exit_code == 1
    assert "set region to one of: RegionOne" in " ".join(done.output.split())


def wrong(**given: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        LibcloudSettings().load({"provider": "openstack", **given})
    assert isinstance(caught.value.messages, dict)
    return caught.value.messages


def test_settings_that_cannot_be_right() -> None:
    pair = {"key": "ada", "secret": "env:TEST_PASSWORD"}
    for url, why in (
        ("keystone:5000", "must begin with http:// or https://"),
        ("http://ada:secret@h/v3", "must not contain a user or a password"),
        ("http://h:port/v3", "is not a URL"),
        ("http://h/v3?x=1", "without ? and #"),
    ):
        (message,) = wrong(**pair, arguments={"ex_force_auth_url": url})["arguments"]
        assert why in message
        assert "secret@" not in message
    assert "did you mean project_name?" in wrong(**pair, auth={"projectname": "x"})["auth"][0]
    assert "not set" in wrong(**pair, auth={"auth_url": "http://h"}, cloud="x")["cloud"][0]
    lacking = wrong(auth={"auth_url": "http://h", "username": "ada"})
    assert "password under auth" in lacking["secret"][0]
    assert "interface" in wrong(**pair, auth={"auth_url": "http://h"}, interface="outside")
    with pytest.raises(ValidationError, match="only openstack does"):
        LibcloudSettings().load({"provider": "vultr", "key": "k", "cloud": "x"})
