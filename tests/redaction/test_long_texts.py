"""Long texts of the settings, such as user data: only the secrets in them are redacted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator_core.redaction import redact
from orchestrator_core.settings.load import load_settings

USER_DATA = """#cloud-config
hostname: a-name-of-a-machine
password: "seven-plain-words"
chpasswd: {expire: false}
write_files:
  - content: |
      export API_TOKEN=sesame-open-4711
      TIMEOUT=a-plain-setting
runcmd:
  - curl https://ann:barley-porridge@example.org/x
"""
SETTINGS = 'default_cloud = "a"\n[clouds.a]\ndriver = "dummy"\n[clouds.a.start]\n'


@pytest.fixture(params=["file", "plain"])
def loaded(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    (tmp_path / "boot").write_text(USER_DATA)
    value = '"file:boot"' if request.param == "file" else f"'''{USER_DATA}'''"
    config = tmp_path / "orchestrator.toml"
    config.write_text(f"{SETTINGS}user_data = {value}\n")
    load_settings(config, {})


@pytest.mark.usefixtures("loaded")
def test_named_values_in_user_data_are_secrets_and_the_rest_is_not() -> None:
    for secret in ("seven-plain-words", "sesame-open-4711"):
        assert redact(f"The cloud refused {secret}") == "The cloud refused ***"
    for word in ("a-name-of-a-machine", "a-plain-setting", "#cloud-config"):
        assert redact(f"The cloud refused {word}") == f"The cloud refused {word}"


def test_a_long_default_costs_next_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "boot").write_text("#cloud-config\n# " + "x" * 60_000)
    config = tmp_path / "orchestrator.toml"
    config.write_text(f'{SETTINGS}user_data = "file:boot"\n')
    load_settings(config, {})
    begun = time.process_time()
    redact("A message of a cloud, with %20 an escape")
    assert time.process_time() - begun < 2.0  # as one secret it took minutes
