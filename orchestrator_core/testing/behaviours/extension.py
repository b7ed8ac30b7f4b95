"""Behaviours E1 to E9: extensions, as callers see them."""

from __future__ import annotations

from functools import partial
from typing import Final

from orchestrator_core.testing.behaviours.behaviour import behaviour
from orchestrator_core.testing.targets.extension import (
    ExtensionUnderTest,
    let_through_or_denied,
)
from orchestrator_core.testing.targets.suite import ExtensionSuite
from orchestrator_core.testing.targets.target import DoesNotApply, expect, together

_MANY: Final = 12
_READS: Final = ("/nodes/cloud", "/images/cloud", "/sizes/cloud")


class BaseExtension(ExtensionSuite):
    """The behaviours of calls that pass or are denied."""

    @behaviour("E1", gate=True)
    def test_it_is_ready(self, extension: ExtensionUnderTest) -> None:
        """An extension can be configured with the plugin.

        The class takes the settings of its fake and creates an object.
        """
        assert extension.served

    @behaviour("E2")
    def test_reads(self, extension: ExtensionUnderTest) -> None:
        """A read passes unchanged, or is denied with a reason.

        The kit sends each read twice, because one caller must not change data that callers share.
        """
        for path in (*_READS, "/nodes/cloud/1", "/nodes/cloud/2", "/vm/status/cloud"):
            answers = [extension.api.get(path) for _ in range(2)]
            through = [let_through_or_denied(answer) for answer in answers]
            if all(through):
                first, second = (answer.json for answer in answers)
                assert first == second, f"{path} returned {first}, then {second}"
                if "/cloud/" in path:
                    node = first["nodes"]["id"]
                    assert path.endswith(node), f"{path} returned node {node!r}"

    @behaviour("E3")
    def test_a_start_is_let_through(self, extension: ExtensionUnderTest) -> None:
        """An allowed start passes, and its answer is unchanged.

        The fake says in ``allowed`` which start is allowed.
        """
        before = extension.nodes()
        node = expect(extension.start(), 200)["nodes"]
        assert node["id"] not in before, f"node {node['id']!r} existed before the start"
        listed = extension.nodes()
        assert node["id"] in listed, f"the start returned {node['id']!r}, which is not in {listed}"

    @behaviour("E4")
    def test_a_start_is_denied(self, extension: ExtensionUnderTest) -> None:
        """A denied start is answered with 403 and its reason, and the cloud is not called.

        This is checked if the fake has ``denied``.
        """
        denied = extension.fake.denied
        if denied is None:
            raise DoesNotApply("the fake has no start that is denied")
        before = extension.nodes()
        answer = extension.api.post("/vm/start/cloud", extension.start_body(**denied))
        assert not let_through_or_denied(answer), f"the call was not denied: {answer}"
        assert extension.nodes() == before, "the start was denied, but a node was started"

    @behaviour("E5")
    def test_every_change(self, extension: ExtensionUnderTest) -> None:
        """Every change passes, or is denied with a reason.

        An extension sees every operation, and lets operations pass that it does not know.
        """
        answer = extension.start()
        if not let_through_or_denied(answer):
            return
        node = answer.json["nodes"]["id"]
        wanted = {"node": node, "user": "ada", "vm_type": "conformance"}
        for path, body in (
            ("/vm/action/reboot/cloud", {"node": node}),
            ("/vm/action/poweroff/cloud", {"node": node}),
            ("/vm/action/poweron/cloud", {"node": node}),
            ("/vm/action/assign/cloud", wanted),
            ("/vm/action/release/cloud", {"node": node}),
        ):
            let_through_or_denied(extension.api.put(path, body))

    @behaviour("E6")
    def test_many_at_once(self, extension: ExtensionUnderTest) -> None:
        """Many calls at once all pass, or are denied with a reason.

        The core calls the extension from several threads at once.
        """
        paths = [*_READS] * (_MANY // len(_READS))
        answers = together([partial(extension.api.get, path) for path in paths])
        for answer in answers:
            let_through_or_denied(answer)

    @behaviour("E9")
    def test_a_stop_destroys_what_was_named(self, extension: ExtensionUnderTest) -> None:
        """A stop that passes destroys only the node that the caller named.

        An extension may change the parameters of a call, but not its node.
        """
        kept, stopped = extension.started(), extension.started()
        if kept is None or stopped is None:
            raise DoesNotApply("the extension denies every start")
        before = set(extension.nodes())
        if not let_through_or_denied(extension.api.put("/vm/stop/cloud", {"node": stopped})):
            raise DoesNotApply("the extension denies the stop")
        gone = before - set(extension.nodes())
        assert gone == {stopped}, f"the stop named {stopped!r} and destroyed {sorted(gone)}"

    @behaviour("E7", last=True)
    def test_no_secret_is_shown(self, extension: ExtensionUnderTest) -> None:
        """No answer shows a secret of the settings.

        This checks all answers of the same suite, errors included, as they are before the core
        removes the secrets that it knows.
        """
        extension.shows_no_secret()

    @behaviour("E8", last=True)
    def test_it_never_fails(self, extension: ExtensionUnderTest) -> None:
        """The hooks raise only ``Forbidden``, and return before their deadline.

        Any other exception is a failure, which denies the call or is only logged, as the settings
        say. This checks all calls of the same suite.
        """
        extension.raised_nothing_else()
