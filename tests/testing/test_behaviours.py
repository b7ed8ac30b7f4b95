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
    "S1": "Exactly one installed package names it in the entry-point group of its kind",
    "S2": "Its name is short and plain, and its version is one that tools can compare",
    "S3": "It says which versions of the core it is for, with a lower and an upper end",
    "S4": "It imports, and its hooks are those of the contract, with the contract's arguments",
    "S5": "Importing it connects to nobody and starts no thread",
    "S6": "None of its settings has the name of one of the core's for the same section",
    "S7": "Passwords, tokens and keys among its settings are references, never values",
    "S8": "Every method that is called like a hook is marked as one",
    "S9": "It imports nothing of the core but the public names",
    "S10": "Its metadata has a summary, a README, a licence and the Python that it needs",
    "A1": "A backend can be configured with it, and a cloud can use it",
    "A2": "It shows every VM of its cloud once, with the nine keys of version 1",
    "A3": "The VM that is named by its node id is assigned, and shown as its user's",
    "A4": "The VM that is named by its hostname is assigned",
    "A5": "A node id and a hostname that mean different VMs are refused, and neither is assigned",
    "A6": "A node id or a hostname that nothing has is refused",
    "A7": "Who holds a VM for an application already gets the same answer again",
    "A8": "What somebody holds is refused to everybody else, and stays with its holder",
    "A9": "Of many who want one of two VMs at the same time one gets it, and not the other",
    "A10": "A VM that is released is nobody's, and destroyed",
    "A11": "A VM that nobody holds cannot be released, and is not destroyed",
    "A12": "A release of what is not there is refused, and nothing is destroyed",
    "A13": "A VM that is released by its hostname is the one that is destroyed",
    "A14": "A backend that cannot be reached is an error, and nothing is assigned or destroyed",
    "A15": "No answer shows a secret of its settings",
    "A16": "Its hooks raise errors of the contract, and nothing else",
    "A17": "What somebody got without this server is refused to everybody else",
    "A18": "A node id or a hostname is compared whole: nearly the same is another one",
    "A19": "Long and foreign names of users and applications are kept as they are, or refused",
    "A20": "A VM is known in its own cloud alone",
    "A21": "A check of a backend that can be reached finds nothing",
    "A22": "Of two VMs with one hostname the one that is named by its id is meant, or none",
    "C1": "A cloud can be configured with it, tells what it is, and lists what the contract says",
    "C2": "It describes itself in the same words each time",
    "C3": "What it does not support has a reason",
    "C4": "Its nodes are listed, none of them twice, each with a name and with valid addresses",
    "C5": "Its images are listed, none of them twice, and the same ones each time",
    "C6": "Its sizes are listed, none of them twice, with amounts that can be or none at all",
    "C7": "Its locations are listed, none of them twice, and the same ones each time",
    "C8": "Two lists of nodes in a row show the same ids",
    "C9": "A node alone is the same node as in the list",
    "C10": "A node that is not there is refused by its name, however much an id is like another",
    "C11": "It can be asked from several threads at once, and each is told what it asked for",
    "C12": "A cloud that cannot be reached is an error, never an empty list, never a missing node",
    "C13": "Credentials that the cloud refuses are told as such",
    "C14": "A check of a cloud that can be reached finds nothing",
    "C15": "An id is looked up as it is, with all that a URL gives a meaning to",
    "C19": "The parts of its nodes, one after another, are its list of nodes by their ids",
    "C20": "A start answers with a node that was not there before, and the list shows it",
    "C21": "Several starts at once make as many nodes, all of which the list shows",
    "C22": "An image that is not there is refused by its name, and nothing is started",
    "C23": "A size that is not there is refused by its name, and nothing is started",
    "C24": "A key's name and metadata are taken, or refused before anything is started: 200 or 400",
    "C25": "Long and foreign names are taken, or refused before anything is started: 200 or 400",
    "C26": "The marker that a start puts on its node is shown to nobody",
    "C27": "A stop destroys that one node",
    "C28": "A stop by name destroys the node of that name",
    "C29": "A stop of a node that is not there is refused by its name, and nothing is destroyed",
    "C30": "Several stops at once destroy as many nodes",
    "C31": "A stop of an id that is only nearly a node's destroys nothing",
    "C32": "The id of a node that was destroyed is never given to another",
    "C33": "A node that was destroyed is not found alone either",
    "C34": "A stop takes an id as it is, with all that a URL gives a meaning to",
    "C40": "A reboot leaves the node what it was, and running",
    "C41": "A node that is switched off is stopped and still there, and no other is",
    "C42": "A node that is switched on again runs",
    "C43": "A reboot of a node that is not there is refused by its name",
    "C44": "Switching a node off that is not there is refused by its name",
    "C45": "Switching a node on that is not there is refused by its name",
    "C46": "A node alone shows the state that it has now, as the list does",
    "C47": "A reboot or a switch takes an id as it is, with all that a URL gives a meaning to",
    "C50": "A start whose answer was lost is found by its marker, and there is no second node",
    "C51": "A start that never reached the cloud is not mistaken for another node",
    "C52": "No answer shows a secret of its settings",
    "C53": "Its hooks raise errors of the contract, and nothing else",
    "C54": "A start that is not found by its marker is found in the list of nodes",
    "E1": "An extension can be configured with it",
    "E2": "A read is let through as it was asked, or denied with a reason",
    "E3": "It lets a start through that it has nothing against, and its answer as it is",
    "E4": "What it denies is answered with 403 and its reason, and the cloud is not asked",
    "E5": "Every change is let through, or denied with a reason",
    "E6": "Many calls at once are all let through, or denied with a reason",
    "E7": "No answer shows a secret of its settings",
    "E8": "Its hooks raise ``Forbidden`` or nothing, and are done within their deadline",
    "E9": "A stop that is let through destroys the node that the caller named, and no other",
    "L1": "Everything that the run has started is destroyed, and gone from the list",
    "L2": "No start of the run is without an end: each has a node, or certainly none",
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
