"""Plugins with tables of their own, installed where only the servers of these tests see them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.wheels import install

_FIRST: Final = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    owner = op.get_context().version_table.removeprefix("alembic_version_")
    op.create_table(
        f"{owner}__calls",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
"""

_SECOND: Final = """
import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    owner = op.get_context().version_table.removeprefix("alembic_version_")
    op.add_column(f"{owner}__calls", sa.Column("note", sa.Text))
    KEY = sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)
"""

SECOND_STEPS: Final[Mapping[str, str]] = {
    "both": "",
    "raising": 'raise RuntimeError("what is this")',
    "exiting": 'raise SystemExit("enough")',
    "wrong_sql": 'op.execute("SELEC 1")',
    "committing": 'op.get_bind().commit(); raise RuntimeError("too late")',
    "stray": 'op.create_table("calls", KEY)',
    "of_another": 'op.create_table("extension_tried_2__calls", KEY)',
    "meddling": 'op.add_column("operations", sa.Column("note", sa.Text))',
    "dropping": 'op.drop_table("orphan_scans")',
    "spying": 'op.create_index(f"{owner}__spy", "vms", ["name"])',
    "referring": (
        'op.create_table(f"{owner}__x", KEY, sa.Column("vm", sa.BigInteger),'
        ' sa.ForeignKeyConstraint(["vm"], ["vms.id"]))'
    ),
}
"""The end of the second migration, by the name in ``TRIED_MIGRATIONS``."""


def _write_histories(package: Path) -> None:
    histories = {
        "one": [_FIRST],
        "forked": [_FIRST, _SECOND, _SECOND.replace("0002", "0003")],
        **{name: [_FIRST, f"{_SECOND}    {step}\n"] for name, step in SECOND_STEPS.items()},
    }
    for name, modules in histories.items():
        folder = package / name
        folder.mkdir()
        (folder / "__init__.py").touch()
        for number, text in enumerate(modules, 1):
            (folder / f"step_{number}.py").write_text(text)


@pytest.fixture(scope="session")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment in which cloud, backend and extension ``tried`` are installed."""
    directory = tmp_path_factory.mktemp("tried")
    source, target = directory / "source", directory / "installed"
    shutil.copytree(Path(__file__).parent / "tried", source)
    _write_histories(source / "tried_tables")
    install(target, source)
    return {"PYTHONPATH": str(target)}
