"""SSH keys in a cloud-config, as cloud-init's parser reads them."""

from __future__ import annotations

import pytest
import yaml

from orchestrator_libcloud.starts.cloud_init import ssh_keys_field, user_data_of

KEY = f"ssh-ed25519 {'A' * 68}"


@pytest.mark.parametrize(
    "comment", ["ann", "José", "ann 😀", 'a"b\\c', "a: [b] # c", "\uffff\ufeff"]
)
def test_every_comment_of_a_key_arrives(comment: str) -> None:
    keys = [f"{KEY} {comment}", KEY]
    config = user_data_of(None, keys)
    assert config is not None
    assert yaml.safe_load(config) == {"ssh_authorized_keys": keys}
    config.encode()


def test_keys_of_the_greatest_length_fit_into_the_user_data() -> None:
    most = 16_384
    field = ssh_keys_field(most)
    assert field.max_bytes is not None
    config = user_data_of(None, [f"{KEY} {'é' * ((field.max_bytes - len(KEY) - 1) // 2)}"])
    assert config is not None
    assert len(config.encode()) <= most
