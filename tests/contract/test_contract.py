"""The promises of version 1 of the contract: kept, or withdrawn in the promised way."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import orchestrator_core
from orchestrator_core.deprecation import DeprecatedName, Deprecation
from orchestrator_core.hookspecs import PROJECT, CloudHooks
from orchestrator_core.model import Node
from orchestrator_core.plugins.record import Kind
from orchestrator_core.testing.runner.report import KIT_VERSION
from tests.contract.history import Line, added, broken, minor, read
from tests.contract.snapshot import MODULES, Part, snapshot

ROOT = Path(__file__).parents[2]
CORE = version("vm-orchestrator")

HOOKS = [
    hook for kind in Kind for name, hook in vars(kind.hookspecs).items() if not name.startswith("_")
]


def test_what_was_promised_is_kept() -> None:
    assert list(broken(read(), snapshot(), CORE)) == []


def test_the_file_is_as_the_command_writes_it() -> None:
    promised = read()
    assert list(added(promised, snapshot(), CORE).items()) == list(promised.items())
    kits = {int(line["since"].removeprefix("kit ")) for line in _behaviours(promised)}
    assert max(kits) == KIT_VERSION, "with new behaviours the kit gets a new number"


def _behaviours(promised: dict[str, Line]) -> list[Line]:
    return [line for key, line in promised.items() if key.startswith("behaviour ")]


@pytest.mark.parametrize("module", MODULES)
def test_the_list_of_public_names_is_closed(module: str) -> None:
    public = import_module(module)
    assert len(set(public.__all__)) == len(public.__all__)
    assert not set(public.__all__) & set(public.DEPRECATED)
    for name in public.__all__:
        thing = getattr(public, name)
        assert thing.__doc__, name
        assert getattr(thing, "__module__", module).startswith(("orchestrator_core", "pluggy"))


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__qualname__)
def test_every_hook_says_what_it_does_and_since_when(hook: object) -> None:
    documentation = inspect.getdoc(hook) or ""
    assert ".. versionadded::" in documentation
    assert len(documentation.splitlines()[0]) > 20


# --- changes planted in a copy of the sources ---------------------------------------------

PLANTED = {
    "hookspecs/assignment.py": [("def check(self, deadline: Deadline)", "def check(self)")],
    "hookspecs/cloud.py": [
        ("def reboot_vm(", "def restart_vm("),
        ("self, image_id: str,", "self, identifier: str,"),
        ("def check(self, deadline: Deadline)", "def check(self)"),
        (
            "def list_nodes(self, deadline: Deadline, hints: Hints) -> Sequence[Node]",
            "def list_nodes(self, deadline: Deadline, hints: Hints) -> dict[str, Node]",
        ),
    ],
    "hookspecs/extension.py": [("    @hookspec\n    def after_call", "    def after_call")],
    "__init__.py": [('    "Location",\n', ""), ('    "Vm",\n', '    "Machine",\n')],
    "model.py": [
        (
            "    ram: int | None = None\n    disk: int | None = None\n",
            "    disk: int | None = None\n    ram: int | None = None\n",
        ),
        ('    PAUSED = "paused"', '    PAUSED = "halted"'),
    ],
    "start_request.py": [("    keyname: str | None = None\n", "    key: str | None = None\n")],
    "errors.py": [
        ('code = "rate_limited"', 'code = "slow_down"'),
        ("class Refused(RequestError)", "class Refused(OrchestratorError)"),
        ("repeat_is_safe: bool = False", "repeat_is_safe: bool = True"),
    ],
    "settings/secrets.py": [("def reveal(self)", "def read(self)")],
    "plugins/record.py": [("s.v1", "s.v2")],
    "pytest_plugin.py": [("def orchestrator_api(", "def api(")],
    "testing/fake.py": [
        ('getattr(factory, "fake", None)', 'getattr(factory, "stand_in", None)'),
        ("settle: float = 10.0", "settle: float = 5.0"),
    ],
    "testing/behaviours/package.py": [('@behaviour("S10")', '@behaviour("S99")')],
}
"""By file: the original text, and its replacement."""

SAID = """
    added: attribute stand_in
    added: behaviour S99
    added: fixture api
    added: hook cloud.get_image(identifier)
    added: hook cloud.restart_vm
    added: name orchestrator_core.Machine
    added: name orchestrator_core.Secret.read
    added: name orchestrator_core.StartFields.key
    added: name orchestrator_core.StartRequest.key
    changed: group assignment
    changed: group cloud
    changed: group extension
    changed: hook cloud.list_nodes
    changed: name orchestrator_core.CloudError.__init__(repeat_is_safe)
    changed: name orchestrator_core.NodeState.PAUSED
    changed: name orchestrator_core.RateLimited.code
    changed: name orchestrator_core.Refused
    changed: name orchestrator_core.Size.disk
    changed: name orchestrator_core.Size.ram
    changed: name orchestrator_core.testing.Fake.settle
    removed or renamed: attribute fake
    removed or renamed: fixture orchestrator_api
    removed or renamed: hook assignment.check(deadline)
    removed or renamed: hook cloud.check(deadline)
    removed or renamed: hook cloud.get_image(image_id)
    removed or renamed: hook cloud.reboot_vm
    removed or renamed: hook extension.after_call
    removed or renamed: name orchestrator_core.Location
    removed or renamed: name orchestrator_core.Secret.reveal
    removed or renamed: name orchestrator_core.StartFields.keyname
    removed or renamed: name orchestrator_core.StartRequest.keyname
    removed or renamed: name orchestrator_core.Vm
    removed: behaviour S10
"""


def test_a_change_of_the_sources_is_told(tmp_path: Path) -> None:
    for folder in ("orchestrator_core", "tests/contract"):
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=left_out)
    for name, changes in PLANTED.items():
        file = tmp_path / "orchestrator_core" / name
        text = file.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file.write_text(text + ("Machine = Vm\n" if name == "__init__.py" else ""))
    (tmp_path / "tests" / "__init__.py").touch()  # a part of another package
    check = contract_of(tmp_path, "--check")
    assert check.returncode == 1, check.stderr
    wanted = [line.strip() for line in SAID.strip().splitlines()]
    whole = {line for line in check.stdout.splitlines() if not _is_below_another(line)}
    assert {line for line in whole if not line.startswith(tuple(wanted))} == set()
    assert [line for line in wanted if not any(one.startswith(line) for one in whole)] == []
    # New parts can be recorded; missing or changed ones cannot.
    after = contract_of(tmp_path)
    assert after.returncode == 1
    assert set(after.stdout.splitlines()) == {
        line for line in check.stdout.splitlines() if not line.startswith("added")
    }


def contract_of(copy: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.contract", *options],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )


def _is_below_another(line: str) -> bool:
    """Return whether it is a part of something that another line names as a whole."""
    wholes = ("hook cloud.reboot_vm(", "hook cloud.restart_vm(", "hook extension.after_call(")
    names = ("Location.", "Vm.", "Machine.", "Secret.reveal(", "Secret.read(")
    return any(f": {one}" in line for one in wholes) or any(
        f": name orchestrator_core.{one}" in line for one in names
    )


# --- withdrawal in the promised way -------------------------------------------------------


def is_said(promised: dict[str, Line], now: dict[str, Part], core: str) -> list[str]:
    return [line.partition(";")[0] for line in broken(promised, now, core)]


@pytest.mark.parametrize(
    ("deprecated", "removed", "core", "said"),
    [
        (None, None, "0.9.0", "removed or renamed: hook cloud.x"),
        (None, "0.3", "0.9.0", "removed or renamed: hook cloud.x"),
        ("0.2", None, "0.9.0", "removed or renamed: hook cloud.x"),
        ("0.2", "0.2", "0.9.0", "removed too soon: hook cloud.x"),
        ("0.2", "0.3", "0.2.7", "removed: hook cloud.x should still be there"),
        ("0.2", "0.3", "0.3.0", ""),
        ("0.2", "0.10", "0.10.0", ""),
        ("0.9", "1.0", "1.0.0", ""),
        ("1.1", "1.2", "1.2.0", "removed too soon: hook cloud.x"),
        ("1.1", "2.0", "2.0.1", ""),
    ],
)
def test_a_hook_goes_a_minor_version_after_it_was_deprecated(
    deprecated: str | None, removed: str | None, core: str, said: str
) -> None:
    line: Line = {"text": "the first answer: None", "since": "0.1"}
    if deprecated is not None:
        line["deprecated"] = deprecated
    if removed is not None:
        line["removed"] = removed
    promised: dict[str, Line] = {"hook cloud.x": line}
    assert [one[: len(said)] for one in broken(promised, {}, core)] == [said][: bool(said)]
    if not said:  # Its arguments go with it, and it does not come back.
        promised["hook cloud.x(deadline)"] = {"text": "Deadline", "since": "0.1"}
        assert is_said(promised, {}, core) == []
        again = {"hook cloud.x": Part("hook cloud.x", line["text"], deprecated=deprecated)}
        assert is_said(promised, again, core)[0] == "there again: hook cloud.x"


def test_what_is_new_says_since_when() -> None:
    later = f"{minor(CORE)[:-1]}{int(minor(CORE)[-1]) + 1}"
    part = Part("hook cloud.x", "the first answer: None", "Do x.")
    assert is_said({}, {part.key: part}, CORE) == ["added: hook cloud.x"]
    promised = added({}, {part.key: part}, f"{later}.0")
    assert promised == {part.key: {"text": part.text, "since": later}}
    (complaint,) = is_said(promised, {part.key: part}, f"{later}.0")
    assert complaint == f"versionadded: the documentation of hook cloud.x does not say {later}"
    documented = part._replace(documentation=f"Do x.\n\n.. versionadded:: {later}")
    assert is_said(promised, {part.key: documented}, f"{later}.0") == []
    assert is_said(promised, {part.key: documented}, CORE)[0].startswith("since: hook cloud.x")


@pytest.mark.parametrize(
    ("text", "since", "said"),
    [
        ("field 3: str", "0.2", ["no default: name m.Node.zone"]),
        ("keyword: str", "0.2", ["no default: name m.Node.zone"]),
        ("field 3: str | None = None", "0.2", []),
        ("field 3: str", "0.1", []),
        ("parameter 2: str", "0.2", ["no default: name m.Node.zone"]),
        ("parameter 2: str = ''", "0.2", []),
    ],
)
def test_a_field_that_is_added_has_a_default(text: str, since: str, said: list[str]) -> None:
    documented = ".. versionadded:: 0.2"
    parts = [Part("name m.Node", "dataclass"), Part("name m.Node.zone", text, documented)]
    promised: dict[str, Line] = {
        "name m.Node": {"text": "dataclass", "since": "0.1"},
        "name m.Node.zone": {"text": text, "since": since},
    }
    assert is_said(promised, {part.key: part for part in parts}, "0.2.0") == said


def test_a_behaviour_may_go_and_its_number_with_it() -> None:
    promised: dict[str, Line] = {"behaviour C7": {"text": "of the kit", "since": "kit 1"}}
    assert is_said(promised, {}, CORE) == ["removed: behaviour C7"]
    promised["behaviour C7"]["removed"] = "0.2"
    assert is_said(promised, {}, CORE) == []
    again = {"behaviour C7": Part("behaviour C7", "of the kit", kit=2)}
    assert is_said(promised, again, CORE) == ["there again: behaviour C7"]


@pytest.mark.parametrize(
    ("option", "mark", "key"),
    [
        ("warn_on_impl", Deprecation("0.2", "implement x"), "hook cloud.reboot_vm"),
        (
            "warn_on_impl_args",
            {"hints": Deprecation("0.2", "take x")},
            "hook cloud.reboot_vm(hints)",
        ),
    ],
)
def test_what_the_specs_deprecate_stands_in_the_file(
    monkeypatch: pytest.MonkeyPatch, option: str, mark: object, key: str
) -> None:
    monkeypatch.setitem(getattr(CloudHooks.reboot_vm, f"{PROJECT}_spec"), option, mark)
    now = snapshot()
    said = f"deprecated: {key} since None says the file, since 0.2 the code"
    assert list(broken(read(), now, "0.2.0")) == [said]
    promised = added(read(), now, "0.2.0")
    assert promised[key]["deprecated"] == "0.2"
    assert list(broken(promised, now, "0.2.0")) == []
    monkeypatch.undo()
    forgotten = f"deprecated: {key} since 0.2 says the file, since None the code"
    assert list(broken(promised, snapshot(), "0.2.0")) == [forgotten]


def test_a_public_name_that_is_deprecated_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in orchestrator_core.__all__ if name != "Node"]
    monkeypatch.setattr(orchestrator_core, "__all__", names)
    key = "name orchestrator_core.Node"
    assert f"removed or renamed: {key}" in is_said(read(), snapshot(), "0.2.0")
    entry = DeprecatedName(Node, "0.2", "use Machine")
    monkeypatch.setitem(orchestrator_core.DEPRECATED, "Node", entry)
    promised = added(read(), snapshot(), "0.2.0")
    assert promised[key]["deprecated"] == "0.2"
    assert list(broken(promised, snapshot(), "0.2.0")) == []
