"""E: what an extension does, as callers see it."""

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
    """Letting through, denying with a reason, and never being in the way."""

    @behaviour("E1", gate=True)
    def test_it_is_ready(self, extension: ExtensionUnderTest) -> None:
        """An extension can be configured with it.

        Its class takes the settings that its fake gives, and makes an object.
        """
        assert extension.served

    @behaviour("E2")
    def test_reads(self, extension: ExtensionUnderTest) -> None:
        """A read is let through as it was asked, or denied with a reason.

        It is asked twice, since what is shared between callers must not be changed by one of them.
        """
        for path in (*_READS, "/nodes/cloud/1", "/nodes/cloud/2", "/vm/status/cloud"):
            answers = [extension.api.get(path) for _ in range(2)]
            through = [let_through_or_denied(answer) for answer in answers]
            if all(through):
                first, second = (answer.json for answer in answers)
                assert first == second, f"{path} answered {first}, then {second}"
                if "/cloud/" in path:
                    node = first["nodes"]["id"]
                    assert path.endswith(node), f"{path} answered with node {node!r}"

    @behaviour("E3")
    def test_a_start_is_let_through(self, extension: ExtensionUnderTest) -> None:
        """It lets a start through that it has nothing against, and its answer as it is.

        Which one that is, its fake tells as ``allowed``.
        """
        before = extension.nodes()
        node = expect(extension.start(), 200)["nodes"]
        assert node["id"] not in before, f"{node['id']!r} was there before"
        listed = extension.nodes()
        assert node["id"] in listed, f"answered with {node['id']!r}, which is not in {listed}"

    @behaviour("E4")
    def test_a_start_is_denied(self, extension: ExtensionUnderTest) -> None:
        """What it denies is answered with 403 and its reason, and the cloud is not asked.

        Asked of extensions whose fake gives ``denied``.
        """
        denied = extension.fake.denied
        if denied is None:
            raise DoesNotApply("its fake names no start that it denies")
        before = extension.nodes()
        answer = extension.api.post("/vm/start/cloud", extension.start_body(**denied))
        assert not let_through_or_denied(answer), f"let through: {answer}"
        assert extension.nodes() == before, "a node was started all the same"

    @behaviour("E5")
    def test_every_change(self, extension: ExtensionUnderTest) -> None:
        """Every change is let through, or denied with a reason.

        An extension sees every operation; one that it does not know is none of its business.
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
        """Many calls at once are all let through, or denied with a reason.

        The core calls it from several threads at once.
        """
        paths = [*_READS] * (_MANY // len(_READS))
        answers = together([partial(extension.api.get, path) for path in paths])
        for answer in answers:
            let_through_or_denied(answer)

    @behaviour("E9")
    def test_a_stop_destroys_what_was_named(self, extension: ExtensionUnderTest) -> None:
        """A stop that is let through destroys the node that the caller named, and no other.

        An extension may change what is asked for, but never which node it is asked of.
        """
        kept, stopped = extension.started(), extension.started()
        if kept is None or stopped is None:
            raise DoesNotApply("it denies every start")
        before = set(extension.nodes())
        if not let_through_or_denied(extension.api.put("/vm/stop/cloud", {"node": stopped})):
            raise DoesNotApply("it denies the stop")
        gone = before - set(extension.nodes())
        assert gone == {stopped}, f"{stopped!r} was named, {sorted(gone)} are gone"

    @behaviour("E7", last=True)
    def test_no_secret_is_shown(self, extension: ExtensionUnderTest) -> None:
        """No answer shows a secret of its settings.

        Asked of all answers of the same suite, errors included, as they are before the core
        takes the secrets out that it knows.
        """
        extension.shows_no_secret()

    @behaviour("E8", last=True)
    def test_it_never_fails(self, extension: ExtensionUnderTest) -> None:
        """Its hooks raise ``Forbidden`` or nothing, and are done within their deadline.

        What else they raise is a failure, which denies the call or is only logged, as its settings
        say. Asked of all calls of the same suite.
        """
        extension.raised_nothing_else()
