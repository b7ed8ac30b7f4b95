"""Renews the files of Swagger UI in the core: ``python requirements/swagger_ui.py VERSION``.

Needs npm. The package must have the hash that its registry states, and a version that is carried
already must still have the hash that was recorded then.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[1] / "orchestrator_core/api/docs_page/swagger_ui"
RECORD: Final = FOLDER / "source.json"
PACKAGE: Final = "swagger-ui-dist"

FILES: Final = (
    "LICENSE",
    "NOTICE",
    "favicon-32x32.png",
    "swagger-ui-bundle.js",
    "swagger-ui-bundle.js.LICENSE.txt",
    "swagger-ui.css",
)


def npm(*words: str) -> Any:
    """Return what npm prints as JSON."""
    command = ["npm", *words, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603


def check(version: str, integrity: str, archive: bytes) -> None:
    """Refuse an archive that is not the one that was published.

    Raises:
        SystemExit: with a description of the difference.
    """
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if found != integrity:
        sys.exit(f"The archive has {found}; the registry states {integrity}")
    if RECORD.exists():
        old = json.loads(RECORD.read_text(encoding="utf-8"))
        if old["version"] == version and old["integrity"] != integrity:
            sys.exit(f"Version {version} had {old['integrity']}; the registry states {integrity}")


def renew(version: str) -> None:
    """Replace the files by those of a version, and record where they are from."""
    wanted = f"{PACKAGE}@{version}"
    integrity = str(npm("view", wanted, "dist.integrity"))
    with tempfile.TemporaryDirectory() as folder:
        (packed,) = npm("pack", wanted, "--pack-destination", folder)
        archive = Path(folder) / packed["filename"]
        check(version, integrity, archive.read_bytes())
        FOLDER.mkdir(exist_ok=True)
        hashes = {}
        with tarfile.open(archive) as members:
            for name in FILES:
                member = members.extractfile(f"package/{name}")
                assert member is not None
                content = member.read()
                (FOLDER / name).write_bytes(content)
                hashes[name] = hashlib.sha256(content).hexdigest()
    record = {
        "package": PACKAGE,
        "version": version,
        "licence": "Apache-2.0",
        "source": "https://github.com/swagger-api/swagger-ui",
        "integrity": integrity,
        "sha256": hashes,
    }
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    renew(sys.argv[1])
