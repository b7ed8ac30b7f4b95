"""Clouds with one fault each in the optional fields of a start."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import good_cloud
from good_cloud import NETWORKS, TAKEN, GoodCloud
from orchestrator_core import Node, StartField, StartRequest, hookimpl

if TYPE_CHECKING:  # The kit is installed with the tests only.
    from orchestrator_core.testing import Fake, Stage


class _Loses(GoodCloud):
    """A cloud that loses one field of the start that the behaviour makes."""

    field: ClassVar = ""
    start: ClassVar = ""

    def sent(self, request: StartRequest) -> dict[str, Any]:
        sent = super().sent(request)
        if request.name.endswith(f"-{self.start or self.field}"):
            sent[self.field] = self.lost(sent[self.field])
        return sent

    def lost(self, value: Any) -> Any:
        return None


class LosesTheKey(_Loses):
    breaks, says = "C60", "keyname: the start had 'k-1', the cloud got None"
    field = "keyname"


class TakesTheFirstKeyOnly(_Loses):
    """A cloud that takes the name of a key pair for the key itself."""

    breaks, says = "C60", "the cloud got 'another'"
    field = "keyname"

    def lost(self, value: Any) -> Any:
        return "another"


class CutsKeys(_Loses):
    """A cloud that cuts public keys at the length of a column."""

    breaks, says = "C61", "ssh_keys: the start had"
    field = "ssh_keys"

    def lost(self, value: Any) -> Any:
        return [line[:60] for line in value]


class EncodesUserDataTwice(_Loses):
    """A cloud whose SDK encodes user data, and whose driver does so too."""

    breaks, says = "C62", "user_data: the start had"
    field = "user_data"

    def lost(self, value: Any) -> Any:
        return base64.b64encode(value.encode()).decode()


class CutsUserData(GoodCloud):
    """A cloud that says it takes more user data than it does."""

    breaks, says = "C62", "characters)"

    @hookimpl
    def start_fields(self) -> dict[str, StartField | str]:
        return {**TAKEN, "user_data": StartField(max_bytes=5000)}

    def sent(self, request: StartRequest) -> dict[str, Any]:
        sent = super().sent(request)
        if request.name.endswith("-user_data"):
            sent["user_data"] = sent["user_data"].encode()[:4096].decode()
        return sent


class AttachesOneNetwork(_Loses):
    """A cloud that attaches a node to its primary network only, and does not say so."""

    breaks, says = "C63", "networks: the start had ['n-1', 'n-2'], the cloud got ['n-1']"
    field = "networks"

    def lost(self, value: Any) -> Any:
        return value[:1]


class SortsNetworks(_Loses):
    """A cloud whose driver passes the networks in another order."""

    breaks, says = "C63", "the cloud got ['n-2', 'n-1']"
    field = "networks"

    def lost(self, value: Any) -> Any:
        return value[::-1]


class UsesTheDefaultFirewall(_Loses):
    breaks, says = "C64", "firewalls: the start had ['f-1', 'f-2'], the cloud got ['default']"
    field = "firewalls"

    def lost(self, value: Any) -> Any:
        return ["default"]


class ChoosesTheZone(_Loses):
    breaks, says = "C65", "location: the start had 'here', the cloud got 'there'"
    field = "location"

    def lost(self, value: Any) -> Any:
        return "there"


class GivesNoAddress(_Loses):
    breaks, says = "C66", "public_ip: the start had True, the cloud got None"
    field = "public_ip"


class DestroysTheDisk(_Loses):
    """A cloud that always destroys the root disk with its node."""

    breaks, says = "C67", "'keep': False"
    field = "root_disk"

    def lost(self, value: Any) -> Any:
        return {**value, "keep": False}


class ForgetsVolumes(_Loses):
    breaks, says = "C68", "volumes: the start had"
    field = "volumes"


class MakesWordsOfTags(_Loses):
    """A cloud whose tags are words, and whose driver drops the values."""

    breaks, says = "C69", "the cloud got ['purpose']"
    field = "tags"

    def lost(self, value: Any) -> Any:
        return list(value)


class SellsAnOrdinaryNode(_Loses):
    breaks, says = "C70", "spot: the start had True, the cloud got None"
    field = "spot"


class MakesTextsOfMetadata(_Loses):
    breaks, says = "C71", "metadata: the start had"
    field = "metadata"

    def lost(self, value: Any) -> Any:
        return str(value)


class DropsOptions(_Loses):
    breaks, says = "C72", "options: the start had {'rack': 7}, the cloud got {}"
    field = "options"

    def lost(self, value: Any) -> Any:
        return {}


class LooksForFirewallsItself(GoodCloud):
    """A cloud whose driver says that every text is an id, and finds another firewall by name."""

    breaks, says = "C73", "firewalls: the start had ['ssh'], the cloud got ['f-2']"

    @hookimpl
    def start_fields(self) -> dict[str, StartField | str]:
        return {**TAKEN, "firewalls": StartField(id_pattern=r"[a-z0-9-]+")}

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        found = ["f-2" if one == "ssh" else one for one in request.firewalls]
        return super().start_vm(replace(request, firewalls=found))


class TakesTheFirstOfThatName(GoodCloud):
    """A cloud whose driver looks for names itself, and takes the first one that fits."""

    breaks, says = "C74", "expected 400"

    @hookimpl
    def start_fields(self) -> dict[str, StartField | str]:
        return {**TAKEN, "networks": StartField(id_pattern=r"[a-z0-9-]+")}

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        first = {network.name: network.id for network in reversed(NETWORKS)}
        found = [first.get(one, one) for one in request.networks]
        return super().start_vm(replace(request, networks=found))


class IgnoresUnknownFirewalls(GoodCloud):
    """A cloud without a list of firewalls that starts a node without those that it lacks."""

    breaks, says = "C75", "expected 400"
    instead: ClassVar = {"C18": "unsupported"}
    fake = "wrong_start_fields:with_firewalls"

    @hookimpl
    def unsupported(self) -> dict[str, str]:
        return {"list_firewalls": "the cloud has no list of them"}

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        found = [one for one in request.firewalls if one in ("f-1", "f-2")]
        return super().start_vm(replace(request, firewalls=found))


class StartsAndThenRefusesTheLocation(GoodCloud):
    """A cloud that looks for the location after it has created the node."""

    breaks, says = "C75", "the start was refused, but"
    instead: ClassVar = {"C7": "unsupported"}
    fake = "wrong_start_fields:with_location"

    @hookimpl
    def unsupported(self) -> dict[str, str]:
        return {"list_locations": "the cloud has no list of them"}

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        if request.location == "no-such-thing":
            self.make(request)
        return super().start_vm(request)


@contextmanager
def with_firewalls(stage: Stage) -> Iterator[Fake]:
    """Return a fake cloud that names its firewalls."""
    with good_cloud.fake(stage) as fake:
        yield replace(fake, start_values={**fake.start_values, "firewalls": ["f-1", "f-2"]})


@contextmanager
def with_location(stage: Stage) -> Iterator[Fake]:
    """Return a fake cloud that names a location."""
    with good_cloud.fake(stage) as fake:
        yield replace(fake, start_values={**fake.start_values, "location": "here"})


class LosesTheKeyBesideUserData(_Loses):
    """A cloud that puts keys into user data, unless the start has some itself."""

    breaks, says = "C76", "ssh_keys: the start had"
    field, start = "ssh_keys", "all"


class ShowsTheFirstImage(GoodCloud):
    """A cloud whose driver shows the default of its class instead of the node's own image."""

    breaks, says = "C77", "image: started with"

    def make(self, request: StartRequest) -> Node:
        node = super().make(request)
        node.image = "img-0"
        return node


class LosesTheValuesOfTags(GoodCloud):
    """A cloud whose driver shows the keys of tags only."""

    breaks, says = "C77", "tags: started with"

    def make(self, request: StartRequest) -> Node:
        node = super().make(request)
        node.tags = dict.fromkeys(node.tags, "")
        return node
