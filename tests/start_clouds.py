"""A server with several dummy clouds, each of which takes the fields of a start differently."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.every_field import USER_DATA
from tests.stateful import START, Api, Json, stateful

SETTINGS = """
default_cloud = "all"
[state]
url = "sqlite:///state.db"
[clouds.all]
driver = "dummy"
start_options = ["rack", "row"]
[clouds.picky]
driver = "dummy"
[clouds.picky.start_fields]
keyname = { excludes = ["ssh_keys"] }
user_data = { max_bytes = 20 }
networks = { limit = 1 }
root_disk = { parts = ["size"] }
spot = "this region has no spot capacity"
public_ip = "every VM has one"
options = "there are none"
[clouds.strict]
driver = "dummy"
[clouds.strict.start_fields]
location = { required = true }
networks = { given_as = "name" }
[clouds.preset]
driver = "dummy"
start_options = ["rack"]
[clouds.preset.start_fields]
keyname = { excludes = ["ssh_keys"] }
location = { required = true }
[clouds.preset.start]
keyname = "ci"
user_data = "file:first-boot"
networks = ["public"]
location = "1"
public_ip = true
root_disk = { size = 20, type = "fast" }
tags = { team = "red", stage = "test" }
spot = true
metadata = { a = 1, b = 2 }
options = { rack = "r1", password = "env:DUMMY_PASSWORD" }
"""


class Clouds:
    """A server with several dummy clouds, each of which takes the fields differently."""

    def __init__(self, api: Api, folder: Path) -> None:
        self.api = api
        self.folder = folder

    def start(self, cloud: str, fields: Json, **headers: str) -> httpx2.Response:
        return self.api.http.post(f"/vm/start/{cloud}", json={**START, **fields}, headers=headers)

    def shown(self, cloud: str, fields: Json) -> Json:
        """Start a VM; return what the cloud shows of its fields."""
        answer = self.start(cloud, fields)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()["nodes"]["extra"].get("start", {})
        return found

    def refusal(self, cloud: str, fields: Json, *, recorded: int = 0) -> str:
        """Send a start that is refused; return the reason, after checking that nothing was done.

        Args:
            cloud: the name of the cloud.
            fields: the fields.
            recorded: the number of failed operations that it leaves.
        """
        before = self.state(cloud)
        answer = self.start(cloud, fields)
        nodes, operations = self.state(cloud)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_parameter")
        assert nodes == before[0]
        added = operations[: len(operations) - len(before[1])]
        assert [one["state"] for one in added] == ["failed"] * recorded
        message: str = answer.json()["message"]
        return message.removeprefix("Param not valid: ")

    def state(self, cloud: str) -> tuple[list[str], list[Json]]:
        nodes = [node["id"] for node in self.api.get(f"/nodes/{cloud}")["nodes"]]
        return nodes, self.api.operations(cloud=cloud, limit="999")


@contextmanager
def serving_clouds(folder: Path) -> Iterator[Clouds]:
    """Serve the clouds, with their files in a folder."""
    (folder / "first-boot").write_text(USER_DATA)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DUMMY_PASSWORD", "hunter5-of-the-account")
        with stateful(SETTINGS, folder) as api:
            yield Clouds(api, folder)
