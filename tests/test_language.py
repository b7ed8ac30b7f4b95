"""The rules of language that lint cannot check, for the packages, their tests and the pages.

Ruff checks that the docstring of a function begins with a verb in the imperative (D401). This
module checks that other docstrings are noun phrases, and that sentences name their actors.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]

PACKAGES: Final = tuple(
    chain(
        [ROOT / "orchestrator_core"],
        sorted(ROOT.glob("plugins/*/orchestrator_*")),
        sorted(ROOT.glob("examples/*/orchestrator_*")),
    )
)
"""The packages that are shipped, each as its folder."""

TESTS: Final = tuple(
    chain(
        [ROOT / "tests"],
        sorted(ROOT.glob("plugins/*/tests")),
        sorted(ROOT.glob("examples/*/tests")),
    )
)
"""The folders of tests."""

OTHER_FOLDERS: Final = ("conf", "changelog.d", "docs", "plugins", "examples", "benchmarks")
"""The folders that have pages, settings or templates besides the packages."""

NO_SOURCE: Final = frozenset(
    {".venv", "build", "dist", "_build", "__pycache__", "var", "broken_plugins"}
)
"""Names of folders that contain no source text, or none that a tool reads."""

QUESTION: Final = re.compile(r"(What|Who|Whose|Whom|Which|Whether|How|Where|When|Why)\b")
"""The beginning of a docstring that is a question and not a noun phrase."""

IS_TRUE_OR_FALSE: Final = "Whether "
"""The beginning that only an attribute may have: the usual description of a boolean."""

BANNED: Final = {
    r"nobody(?:'s)?": "name the actor: 'no caller', 'no process', 'no user'",
    r"somebody(?:'s)?": "name the actor: 'an operator', 'another caller'",
    r"anybody(?:'s)?": "name the actor: 'any caller', 'any process'",
    r"everybody(?:'s)?": "name the actors: 'all callers', 'all operators'",
    r"whoever": "begin with the actor: 'a caller that …'",
    r"whomever": "begin with the actor: 'a caller that …'",
    r"(?-i:Whatever)": "a clause is no subject: name the thing that acts",
    r"(?:come|comes|came) to nothing": "say that the call failed or was refused",
}
"""Patterns of words that are not used, each with the reason or the remedy."""

NAMES: Final = re.compile(
    r"(?:^|_)(?:no|some|any|every)bod(?:y|ys)(?:_|$)|(?:^|_)who(?:m)?ever(?:_|$)"
)
"""The same words as a part of a function's name."""

_BANNED: Final = re.compile("|".join(rf"(\b{word}\b)" for word in BANNED), re.IGNORECASE)
_CODE: Final = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def files(folder: Path, *endings: str) -> list[Path]:
    """Return the files below a folder whose names have one of the endings."""
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.name.endswith(endings) and not NO_SOURCE & {*file.relative_to(ROOT).parts}
    ]


def shown(file: Path, line: int, words: str) -> str:
    return f"{file.relative_to(ROOT)}:{line}: {words}"


def questions(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the docstrings of a module, its classes and its attributes that begin as a question."""
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef)]
    for number, statement in chain.from_iterable(enumerate(body) for body in bodies):
        match statement:
            case ast.Expr(ast.Constant(str(text)) as docstring) if QUESTION.match(text):
                if number == 0 or not text.startswith(IS_TRUE_OR_FALSE):
                    yield docstring


def sentences(tree: ast.Module, source: str) -> Iterator[tuple[int, str]]:
    """Yield the strings that have several words, and the comments if one may have a banned word."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value
    if not _BANNED.search(source):
        return  # A comment is a part of one line, and to split a file into tokens takes longest.
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def banned(file: Path, line: int, text: str) -> list[str]:
    """Return a complaint about each banned word of a text that begins at a line."""
    found = []
    for match in _BANNED.finditer(text):
        remedy = list(BANNED.values())[(match.lastindex or 1) - 1]
        at = line + text.count("\n", 0, match.start())
        found.append(shown(file, at, f"{match[0]!r}: {remedy}"))
    return found


@dataclass(frozen=True)
class Complaints:
    """The complaints about a Python file."""

    questions: list[str]
    words: list[str]
    names: list[str]


@cache  # Three tests need them, and the tree is too large to be kept.
def complaints(file: Path) -> Complaints:
    """Return the complaints about a Python file."""
    source = file.read_text(encoding="utf-8")
    tree = ast.parse(source)
    return Complaints(
        [
            shown(file, docstring.lineno, str(docstring.value).split("\n", 1)[0])
            for docstring in questions(tree)
        ],
        [one for line, text in sentences(tree, source) for one in banned(file, line, text)],
        [
            shown(file, node.lineno, node.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and NAMES.search(node.name)
        ],
    )


def without_code(text: str) -> str:
    """Return a Markdown text without its code; its lines keep their numbers."""
    return _CODE.sub(lambda match: "\n" * match[0].count("\n"), text)


def name_of(folder: Path) -> str:
    return folder.relative_to(ROOT).as_posix()


def test_there_are_packages_to_check() -> None:
    assert len(PACKAGES) == 7
    assert {folder.parent.name for folder in TESTS} >= {"dummy_plugin", "libcloud_plugin"}


@pytest.mark.parametrize("package", [*PACKAGES, *TESTS], ids=name_of)
def test_no_docstring_of_a_module_class_or_attribute_begins_with_a_question(package: Path) -> None:
    found = [one for file in files(package, ".py") for one in complaints(file).questions]
    assert not found, "\n".join(["write a noun phrase:", *found])


@pytest.mark.parametrize("package", [*PACKAGES, *TESTS], ids=name_of)
def test_the_code_names_its_actors(package: Path) -> None:
    found = [
        one
        for file in files(package, ".py")
        if file != Path(__file__)  # It has the words as data.
        for one in complaints(file).words
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", TESTS, ids=name_of)
def test_the_name_of_a_test_names_its_actors(folder: Path) -> None:
    found = [one for file in files(folder, ".py") for one in complaints(file).names]
    assert not found, "\n".join(["name the actor:", *found])


def test_pages_settings_and_templates_name_their_actors() -> None:
    folders = [*(ROOT / name for name in OTHER_FOLDERS), ROOT / "orchestrator_core"]
    pages = [*ROOT.glob("*.md"), *(file for one in folders for file in files(one, ".md"))]
    plain = [file for one in folders for file in files(one, ".toml", ".template", ".part")]
    found = [
        complaint
        for file in dict.fromkeys([*pages, *plain])
        for complaint in banned(
            file,
            1,
            without_code(file.read_text(encoding="utf-8"))
            if file.suffix == ".md"
            else file.read_text(encoding="utf-8"),
        )
    ]
    assert not found, "\n".join(found)


def test_a_banned_word_is_found_with_its_line_and_its_remedy() -> None:
    (complaint,) = banned(ROOT / "page.md", 3, "One line.\nThen nobody answers.")
    assert complaint == "page.md:4: 'nobody': name the actor: 'no caller', 'no process', 'no user'"
    assert banned(ROOT / "page.md", 1, without_code("`nobody`\n```\nuser = nobody\n```\n")) == []


@pytest.mark.parametrize("name", ["test_nobody_waits", "somebodys_own", "whoever"])
def test_a_banned_word_is_found_in_a_name(name: str) -> None:
    assert NAMES.search(name)


def test_a_question_is_found_in_a_class_and_not_in_a_function() -> None:
    tree = ast.parse('class A:\n    """Who asks."""\n\n    def b(self):\n        """What."""')
    assert [one.value for one in questions(tree)] == ["Who asks."]


def test_only_an_attribute_may_say_whether() -> None:
    attribute = ast.parse('A = True\n"""Whether it is so."""\nB = 1\n"""Which one it is."""')
    assert [one.value for one in questions(attribute)] == ["Which one it is."]
    assert [one.value for one in questions(ast.parse('"""Whether it is so."""'))] != []
