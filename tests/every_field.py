"""A start with every optional field, and what the dummy cloud shows of it."""

from __future__ import annotations

from tests.stateful import Json

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIiOhdgnPPnzwT1N2qCsjbPSXsDaElnsMTPyfdqhO+FS ann"
USER_DATA = "#cloud-config\npassword: hunter2-Ελλάδα\n"
EVERY_FIELD: Json = {
    "keyname": "laptop",
    "ssh_keys": [KEY],
    "user_data": USER_DATA,
    "networks": ["net-3", "net-1"],
    "firewalls": ["web", "fw-1"],
    "location": "Kiwi",
    "public_ip": False,
    "root_disk": {"size": 30, "type": "fast", "keep": True},
    "volumes": [{"size": 10}, {"id": "vol-1"}],
    "tags": {"team": "red", "empty": ""},
    "spot": {"max_price": 0.5},
    "metadata": {"secret": "hunter3", "nested": {"a": [1, None]}},
    "options": {"rack": "hunter4"},
}
SHOWN: Json = {
    "keyname": "laptop",
    "ssh_keys": [KEY],
    "user_data": {"bytes": len(USER_DATA.encode())},
    "networks": ["net-3", "net-1"],
    "firewalls": ["fw-2", "fw-1"],
    "location": "2",
    "public_ip": False,
    "root_disk": {"size": 30, "type": "fast", "keep": True},
    "volumes": [
        {"id": None, "size": 10, "type": None, "keep": False},
        {"id": "vol-1", "size": None, "type": None, "keep": False},
    ],
    "tags": {"team": "red", "empty": ""},
    "spot": {"max_price": 0.5},
    "metadata": {"secret": None, "nested": None},
    "options": {"rack": None},
}
"""The start with every field as the dummy cloud shows it: references as ids, and no secrets."""

RECORDED: Json = {
    **EVERY_FIELD,
    "user_data": {"bytes": len(USER_DATA.encode())},
    "metadata": {"secret": None, "nested": None},
    "options": {"rack": None},
}
"""The same start as the operation records it."""
