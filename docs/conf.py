"""Sphinx's configuration."""

from enum import Enum
from typing import Any, Protocol

from sphinx.application import Sphinx

project = "Orchestrator"
extensions = [
    "myst_parser",
    "sphinxcontrib.mermaid",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "stevedore.sphinxext",
]
html_theme = "furo"
html_title = "Orchestrator"
html_copy_source = html_show_sourcelink = False
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]

# Every name of ours that a text refers to must be there; those of others have no pages here.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!orchestrator_core\b).*\..*"),
    (r"py:.*", r"[a-z]+|None|ValueError"),
    (r"py:.*", r"ColumnElement|Connection|T"),  # SQLAlchemy's, which is not loaded for the pages
    (
        r"py:.*",
        r"orchestrator_core\.testing\.targets\.suite\.Suite",
    ),  # what pytest collects, no name to use
]

add_module_names = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_custom_sections = [("Common arguments", "params_style")]
python_maximum_signature_line_length = 120
python_use_unqualified_type_names = True


def readable(
    _app: Sphinx, what: str, _name: str, thing: Any, _options: Any, arguments: str, result: str
) -> tuple[str, str] | None:
    """Leave out of a signature what is not for people, and let the rest be parsed."""
    if not arguments:
        return None
    if what == "class" and not _written_here(thing):
        return "", result
    return arguments.replace("<factory>", "..."), result


def _written_here(cls: type) -> bool:
    """Whether what a class is made with is ours."""
    if issubclass(cls, Enum) or Protocol in cls.__bases__:
        return False
    constructor = vars(cls).get("__init__")
    return getattr(constructor, "__module__", "").startswith("orchestrator_core")


def setup(app: Sphinx) -> None:
    """Connect."""
    app.connect("autodoc-process-signature", readable)


# `type` is an attribute of several data classes; a reference to Python's `type` is then ambiguous.
suppress_warnings = ["ref.python"]
