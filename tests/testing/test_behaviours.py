"""The behaviours: stable numbers and meanings, and their page."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.hookspecs import AssignmentHooks, CloudHooks
from orchestrator_core.testing import BEHAVIOURS, Behaviour
from orchestrator_core.testing.runner.page import behaviours_page
from tests.testing.family import wrong

PAGE = Path(__file__).parents[2] / "docs" / "plugins" / "behaviours.md"

TITLES = {
    "S1": "Exactly one installed package names the plugin in the entry-point group of its kind",
    "S2": "The plugin's name is short and plain, and its version can be compared",
    "S3": "The package declares the lowest and the highest version of the core that it supports",
    "S4": "The module can be imported, and its hooks have the contract's names and arguments",
    "S5": "The import opens no connection and starts no thread",
    "S6": "No setting of the plugin has the name of a core setting of the same section",
    "S7": "Passwords, tokens and keys in the settings are references, never values",
    "S8": "Every method with the name of a hook is marked as a hook",
    "S9": "The package imports only public names of the core",
    "S10": "The metadata has a summary, a README, a licence and the required Python version",
    "A1": "A backend can be configured with the plugin, and a cloud can use it",
    "A2": "The list shows every VM of the cloud once, with the nine keys of version 1",
    "A3": "An assign by node id assigns that VM, and the list shows its user",
    "A4": "An assign by hostname assigns the VM with that hostname",
    "A5": "An assign whose node id and hostname mean different VMs is refused; neither is assigned",
    "A6": "An assign of an unknown node id or hostname is refused",
    "A7": "A repeated assign of a VM to the same user and application returns the same answer",
    "A8": "An assign of a VM that another user holds is refused, and the holder keeps it",
    "A9": "Of many simultaneous assigns of two VMs, exactly one succeeds for each VM",
    "A10": "A released VM has no user and is destroyed",
    "A11": "A release of a VM without a holder is refused, and the VM is not destroyed",
    "A12": "A release of an unknown VM is refused, and nothing is destroyed",
    "A13": "A release by hostname destroys the VM with that hostname",
    "A14": "An unreachable backend is an error, and nothing is assigned or destroyed",
    "A15": "No answer shows a secret of the settings",
    "A16": "The hooks raise only errors of the contract",
    "A17": "An assign of a VM that was assigned without this server is refused",
    "A18": "Node ids and hostnames are compared whole; a similar one matches no VM",
    "A19": "Long and non-ASCII names of users and applications are kept unchanged, or refused",
    "A20": "A VM is known only in its own cloud",
    "A21": "A check of a reachable backend succeeds",
    "A22": "Of two VMs with one hostname, the one named by its id is assigned, or none",
    "C1": "A cloud can be configured with the plugin, and its description and lists are valid",
    "C2": "The description is the same each time",
    "C3": "Every unsupported operation has a reason",
    "C4": "The list of nodes has no duplicates, and each node has a name and valid addresses",
    "C5": "The list of images has no duplicates and is the same each time",
    "C6": "The list of sizes has no duplicates, and each amount is valid or absent",
    "C7": "The list of locations has no duplicates and is the same each time",
    "C8": "Two lists of nodes in a row have the same ids",
    "C9": "A single node is the same as in the list",
    "C10": "A read of an unknown or only similar id is refused with a message that names the id",
    "C11": "Several threads can use the plugin at once, and each gets the answer to its own call",
    "C12": "An unreachable cloud is an error, never an empty list and never a missing node",
    "C13": "Credentials that the cloud refuses are reported as refused",
    "C14": "A check of a reachable cloud succeeds",
    "C15": "An id is looked up unchanged, including characters with a meaning in URLs",
    "C16": "The list of key pairs has no duplicates and is the same each time",
    "C17": "The list of networks has no duplicates, is the same each time, and has valid ranges",
    "C18": "The list of firewalls has no duplicates and is the same each time",
    "C19": "The pages of the list of nodes, one after another, are the whole list sorted by id",
    "C20": "A start returns a new node, and the list shows it",
    "C21": "Several starts at once create as many nodes, and the list shows all of them",
    "C22": "A start with an unknown image is refused with a message that names it; nothing starts",
    "C23": "A start with an unknown size is refused with a message that names it; nothing starts",
    "C24": "A key name and metadata are accepted, or refused before any start: 200 or 400",
    "C25": "Long and non-ASCII names are accepted, or refused before any start: 200 or 400",
    "C26": "The marker that a start puts on its node is never shown to callers",
    "C27": "A stop destroys only the named node",
    "C28": "A stop by name destroys the node with that name",
    "C29": "A stop of an unknown node is refused with its id in the message; nothing is destroyed",
    "C30": "Several stops at once destroy all their nodes",
    "C31": "A stop of an id that is only similar to a node's id destroys nothing",
    "C32": "The id of a destroyed node is never given to another node",
    "C33": "A destroyed node is no longer found by its id",
    "C34": "A stop takes an id unchanged, including characters with a meaning in URLs",
    "C40": "A rebooted node keeps its id and runs",
    "C41": "A node that is powered off is stopped and still exists, and no other node is stopped",
    "C42": "A node that is powered on again runs",
    "C43": "A reboot of an unknown node is refused with a message that names it",
    "C44": "A power-off of an unknown node is refused with a message that names it",
    "C45": "A power-on of an unknown node is refused with a message that names it",
    "C46": "A single node shows its current state, as the list does",
    "C47": "Reboots and power changes take an id unchanged, including URL characters",
    "C80": "A resized node keeps its id, and the resize comes to its end",
    "C81": "A resize of an unknown node is refused with a message that names it",
    "C82": "A renamed node is listed with its new name, and no other node is renamed",
    "C83": "A rename of an unknown node is refused with a message that names it",
    "C84": "A renamed node keeps the marker of its start",
    "C85": "An image of a node is a new one, and the list of images shows it under its name",
    "C86": "An image of an unknown node is refused with a message that names it",
    "C87": "The console output of a node is a text, which is empty if there is none yet",
    "C88": "The console output of an unknown node is refused with a message that names it",
    "C89": "Resizes, renames, images and console output take an id unchanged",
    "C50": "A start whose answer was lost is found by its marker, and there is no second node",
    "C51": "A start that never reached the cloud is not mistaken for another node",
    "C52": "No answer shows a secret of the settings",
    "C53": "The hooks raise only errors of the contract",
    "C54": "A start that is not found by its marker is found in the list of nodes",
    "C60": "The ``keyname`` of a start arrives at the cloud, or is refused before any start",
    "C61": "The ``ssh_keys`` of a start arrive at the cloud, or are refused before any start",
    "C62": "The ``user_data`` of a start arrive unchanged, or are refused before any start",
    "C63": "The ``networks`` of a start arrive in their order, or are refused before any start",
    "C64": "The ``firewalls`` of a start all arrive, or are refused before any start",
    "C65": "The ``location`` of a start arrives, or is refused before any start",
    "C66": "The ``public_ip`` of a start arrives, or is refused before any start",
    "C67": "The ``root_disk`` of a start arrives, or is refused before any start",
    "C68": "The ``volumes`` of a start arrive, or are refused before any start",
    "C69": "The ``tags`` of a start arrive, or are refused before any start",
    "C70": "The ``spot`` of a start arrives, or is refused before any start",
    "C71": "The ``metadata`` of a start arrive, or are refused before any start",
    "C72": "The ``options`` of a start arrive, or are refused before any start",
    "C73": "A key pair, network, firewall or location that is given by name is the right one",
    "C74": "A name that several things of the cloud have is refused with their ids; nothing starts",
    "C75": "An unknown key pair, network, firewall or location is refused; nothing starts",
    "C76": "All fields that a cloud takes arrive when one start has them together",
    "C77": "A node shows the image, the size and the tags of its start, or leaves them empty",
    "E1": "An extension can be configured with the plugin",
    "E2": "A read passes unchanged, or is denied with a reason",
    "E3": "An allowed start passes, and its answer is unchanged",
    "E4": "A denied start is answered with 403 and its reason, and the cloud is not called",
    "E5": "Every change passes, or is denied with a reason",
    "E6": "Many calls at once all pass, or are denied with a reason",
    "E7": "No answer shows a secret of the settings",
    "E8": "The hooks raise only ``Forbidden``, and return before their deadline",
    "E9": "A stop that passes destroys only the node that the caller named",
    "L1": "Every node that the run started is destroyed and gone from the list",
    "L2": "Every start of the run has a known outcome: it created a node, or certainly none",
}
"""The title of each behaviour. Numbers are only added; a title may be reworded without a change of
its meaning."""


def test_numbers_and_titles_are_those_that_were_given() -> None:
    assert {number: shown.title for number, shown in BEHAVIOURS.items()} == TITLES


def test_the_page_shows_them_as_they_are() -> None:
    for number, title in TITLES.items():
        assert f"### {number}: {title.replace('``', '`')}\n" in behaviours_page()


def test_there_is_a_wrong_plugin_for_every_one() -> None:
    assert {plugin.breaks for plugin in wrong()} == set(BEHAVIOURS)


@pytest.mark.parametrize("shown", BEHAVIOURS.values(), ids=lambda one: one.number)
def test_each_says_why_and_what_it_needs(shown: Behaviour) -> None:
    assert len(shown.why) > 20
    hooks = CloudHooks if shown.number[0] in "CL" else AssignmentHooks
    assert set(shown.hooks) <= set(vars(hooks))
