"""The generated pages, and the code that each is generated from.

``make pages`` writes all of them; ``tests/docs/test_generated.py`` compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from marshmallow import Schema

from orchestrator_cistern.settings import CisternSettings
from orchestrator_core.api.error_page import errors_page
from orchestrator_core.api.shared.reference import reference_page
from orchestrator_core.api.v1.openapi import document_text as document_text_v1
from orchestrator_core.api.v2.openapi import document, document_text
from orchestrator_core.broker.states_page import states_page
from orchestrator_core.cli.reference import command_line_page
from orchestrator_core.settings.reference import plugin_tables, settings_page
from orchestrator_core.testing.runner.page import behaviours_page
from orchestrator_dummy.injection import FaultInjectionSettings
from orchestrator_libcloud.settings import LibcloudSettings
from orchestrator_libcloud.start_fields_page import start_fields_page

ROOT: Final = Path(__file__).parents[1]

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/plugins/behaviours.md": behaviours_page,
    "docs/reference/api-v2.md": lambda: reference_page(document()),
    "docs/reference/command-line.md": command_line_page,
    "docs/reference/errors.md": errors_page,
    "docs/reference/libcloud-start-fields.md": start_fields_page,
    "docs/reference/openapi-v1.json": document_text_v1,
    "docs/reference/openapi-v2.json": document_text,
    "docs/reference/settings.md": settings_page,
    "docs/reference/states.md": states_page,
}
"""The whole text of each generated page."""


PLUGINS: Final[Mapping[str, tuple[type[Schema], str]]] = {
    "plugins/cistern_plugin/README.md": (CisternSettings, "assignments"),
    "plugins/dummy_plugin/README.md": (FaultInjectionSettings, "clouds"),
    "plugins/libcloud_plugin/README.md": (LibcloudSettings, "clouds"),
}
"""The pages that have a plugin's own keys between two marks."""

BEGIN: Final = "<!-- settings: make pages -->"
END: Final = "<!-- end of settings -->"


NAMES: Final = (*PAGES, *PLUGINS)


def text_of(name: str) -> str:
    """Return the text of a page that is generated, whole or in part.

    Raises:
        ValueError: when a plugin's page lacks the marks, or a key has no description.
    """
    if name in PAGES:
        return PAGES[name]()
    schema, section = PLUGINS[name]
    before, _, rest = (ROOT / name).read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{name} has no place for the settings: {BEGIN} … {END}")
    tables = plugin_tables(schema(), (section, "NAME"))
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


if __name__ == "__main__":
    for page in NAMES:
        (ROOT / page).write_text(text_of(page), encoding="utf-8")
