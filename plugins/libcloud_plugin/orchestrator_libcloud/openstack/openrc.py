"""Reader of openrc files: shell scripts that set ``OS_AUTH_URL`` and the like, as Horizon offers.

The variables are those of openstacksdk and python-openstackclient.
"""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path
from typing import Any, Final

from orchestrator_libcloud.openstack import files
from orchestrator_libcloud.patterns import Pattern

_ASSIGNMENT: Final = Pattern(r"\s*(?:export\s+)?(OS_[A-Z0-9_]+)=(.*)$")
_NOT_AUTH: Final = {
    "OS_REGION_NAME": "region_name",
    "OS_INTERFACE": "interface",
    "OS_ENDPOINT_TYPE": "endpoint_type",
    "OS_CACERT": "cacert",
    "OS_AUTH_TYPE": "auth_type",
    "OS_IDENTITY_API_VERSION": "identity_api_version",
}
_AUTH_WORDS: Final = Pattern(
    r"OS_(AUTH_URL|USER(NAME|_ID|_DOMAIN_(ID|NAME))|PASSWORD|(PROJECT|TENANT)_(ID|NAME)"
    r"|PROJECT_DOMAIN_(ID|NAME)|DOMAIN_(ID|NAME)|SYSTEM_SCOPE"
    r"|APPLICATION_CREDENTIAL_(ID|NAME|SECRET))\Z"
)


def read(path: Path) -> dict[str, Any]:
    """Return the content of an openrc file as an entry of ``clouds.yaml``; execute nothing in it.

    Values that a shell would have to compute (``$NAME``, a password that is asked for) are left
    out.

    Raises:
        FileFault: the file cannot be read, or sets none of the variables.
    """
    entry: dict[str, Any] = {}
    auth: dict[str, str] = {}
    for line in files.text_of(path).splitlines():
        found = _ASSIGNMENT.match(line)
        value = None if found is None else _literal(found[2])
        if found is None or not value:
            continue
        name = found[1]
        if name in _NOT_AUTH:
            entry[_NOT_AUTH[name]] = value
        elif _AUTH_WORDS.match(name):
            auth[name.removeprefix("OS_").lower()] = value
    if not auth:
        raise files.FileFault(
            "clouds_file",
            f"{path} sets none of the variables of an openrc file, as OS_AUTH_URL "
            "(a clouds.yaml must have a name that ends in .yaml, .yml or .json)",
        )
    return {**entry, "auth": auth}


def _literal(text: str) -> str | None:
    """Return the value of an assignment; None if only a shell could compute it."""
    stream = io.StringIO(text)
    words = shlex.shlex(stream, posix=True)
    words.whitespace_split, words.commenters = True, ""
    try:
        value = words.get_token()
    except ValueError:
        return None
    rest = stream.read().strip()
    quote = text.strip()[:1]
    if value is None or (rest and rest[0] not in "#;"):
        return None
    if quote != "'" and re.search(r"[$`]", value):
        return None  # only in single quotes is a dollar an ordinary character
    return value if quote in ("'", '"') else value.rstrip(";")
