"""The built pages: no warnings, and every part of the contract."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import zlib
from importlib import import_module
from pathlib import Path

import pytest

from orchestrator_core.plugins import loader, manager
from orchestrator_core.plugins.record import Kind, State
from tests.contract.history import read
from tests.docs.blocks import FOLDER, PAGES, ROOT

REFERENCE = PAGES["reference"].read_text(encoding="utf-8")
LIFE = PAGES["life"].read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the pages with the command of `make docs`."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (options,) = re.findall(
        r"^\t\$\(BIN\)/sphinx-build (.*) docs build/docs$", makefile, re.MULTILINE
    )
    assert "-W" in options.split(), "warnings are errors"
    built = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", *options.split(), str(ROOT / "docs"), str(built)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return built


@pytest.fixture(scope="session")
def objects(site: Path) -> dict[str, str]:
    """Return the names that have an entry on a page, and the page."""
    raw = (site / "objects.inv").read_bytes()
    start = 0
    for _ in range(4):  # The lines are not compressed.
        start = raw.index(b"\n", start) + 1
    found = {}
    for line in zlib.decompress(raw[start:]).decode().splitlines():
        name, role, priority, place, _ = line.split(" ", 4)
        if role.startswith("py:") and priority != "-1":  # the module that defines it
            found[name] = place.partition("#")[0]
    return found


@pytest.mark.parametrize("module", ["orchestrator_core", "orchestrator_core.testing"])
def test_every_public_name_is_listed_with_its_text(module: str, objects: dict[str, str]) -> None:
    public = import_module(module)
    pages = {name: objects.get(f"{module}.{name}") for name in public.__all__}
    assert [name for name, page in pages.items() if page != "plugins/reference.html"] == []


def test_no_name_is_listed_that_is_not_public(objects: dict[str, str]) -> None:
    wanted = {key.partition(" ")[2] for key in read() if key.startswith("name ")}
    listed = {name for name in objects if not name.startswith("orchestrator_core.hookspecs.")}
    assert listed - wanted <= {"orchestrator_core.pytest_plugin.orchestrator_api"}


def test_every_hook_is_listed(objects: dict[str, str]) -> None:
    for kind in Kind:
        for name in hooks(kind):
            whole = f"orchestrator_core.hookspecs.{kind.hookspecs.__name__}.{name}"
            assert objects.get(whole) == "plugins/reference.html", whole


def hooks(kind: Kind) -> list[str]:
    return [name for name in vars(kind.hookspecs) if not name.startswith("_")]


def test_a_hook_s_heading_is_its_signature(site: Path) -> None:
    page = (site / "plugins" / "reference.html").read_text(encoding="utf-8")
    for kind in Kind:
        for name in hooks(kind):
            place = f'id="orchestrator_core.hookspecs.{kind.hookspecs.__name__}.{name}"'
            heading = re.sub(r"<[^>]+>", "", page.partition(place)[2].partition("</dt>")[0])
            arguments = list(inspect.signature(getattr(kind.hookspecs, name)).parameters)[1:]
            assert re.findall(r"(\w+):", heading) == arguments, (name, heading)


SECTION = re.compile(r"^(Args|Common arguments):\n((?:[ ]{4}.*\n|\n)+)", re.MULTILINE)
ENTRY = re.compile(r"^ {4}(\w+): (.+(?:\n {8}.*)*)", re.MULTILINE)


def described(thing: object) -> dict[str, str]:
    """Return the arguments that a docstring describes."""
    text = f"{inspect.getdoc(thing)}\n"
    return {
        name: words
        for _, section in SECTION.findall(text)
        for name, words in ENTRY.findall(section)
    }


@pytest.mark.parametrize(
    ("kind", "hook"), [(kind, name) for kind in Kind for name in hooks(kind)], ids=str
)
def test_every_argument_is_described(kind: Kind, hook: str) -> None:
    """The hook itself describes it, or its group for all hooks that have it, but not both."""
    spec = getattr(kind.hookspecs, hook)
    own, common = described(spec), described(kind.hookspecs)
    taken = set(inspect.signature(spec).parameters) - {"self"}
    assert taken <= own.keys() | common.keys()
    assert own.keys() <= taken
    assert not own.keys() & common.keys()
    for name in taken:
        assert len({**common, **own}[name].split()) >= 4, f"{name}: in words"


@pytest.mark.parametrize("kind", Kind, ids=str)
def test_what_is_described_for_a_group_is_an_argument_of_one_of_its_hooks(kind: Kind) -> None:
    specs = [getattr(kind.hookspecs, hook) for hook in hooks(kind)]
    taken = {name for spec in specs for name in inspect.signature(spec).parameters}
    assert described(kind.hookspecs).keys() <= taken


def test_class_attributes_and_the_kit_s_options_are_there() -> None:
    for key in read():
        sort, _, name = key.partition(" ")
        if sort == "attribute":
            assert re.search(rf"^\| `{name}` \|", REFERENCE, re.MULTILINE), name
        elif sort == "option":
            assert name in REFERENCE


# --- the life cycle ------------------------------------------------------------------------


def ends() -> set[tuple[str, str]]:
    """Return every state and stage with which the loader ends a plugin."""
    sources = [inspect.getsource(module) for module in (loader, manager)]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    found = set()
    for node in nodes:
        match node:
            case ast.Call(
                func=ast.Attribute(attr="end"), args=[ast.Attribute(attr=state), stage, *_]
            ):
                found |= {(State[state].value, text) for text in _texts(stage, nodes)}
    return found


def _texts(expression: ast.expr, nodes: list[ast.AST]) -> set[str]:
    """Return a text, or the texts that a variable may have."""
    match expression:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.Name(id=name):
            return {
                text
                for node in nodes
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
                for text in _texts(node.value, nodes)
            }
    raise AssertionError(ast.unparse(expression))


def test_the_life_tells_every_end() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", LIFE, re.MULTILINE))
    assert set(rows) == {stage for _, stage in ends()}
    for state, stage in ends():
        assert rows[stage].startswith(f"`{state}`"), stage
    picture = (FOLDER / "life.svg").read_text(encoding="utf-8")
    for state in {state for state, _ in ends()}:
        assert state in picture


def test_the_picture_is_on_the_page_and_follows_its_colours(site: Path) -> None:
    picture = (FOLDER / "life.svg").read_text(encoding="utf-8")
    page = (site / "plugins" / "life.html").read_text(encoding="utf-8")
    assert picture.strip() in page
    colours = re.findall(r'(?:fill|stroke|color)="([^"]+)"', picture)
    assert set(colours) <= {"currentColor", "none"}


# --- links --------------------------------------------------------------------------------

OUTSIDE = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("plugins/*/README.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]
"""Pages that Sphinx does not build, so that it does not check their links."""


@pytest.mark.parametrize("page", OUTSIDE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_files_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, anchor = link.partition("#")
        if ":" in target:
            continue
        file = (page.parent / target) if target else page
        assert file.exists(), link
        if anchor:
            assert anchor in headings(file), link


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}
