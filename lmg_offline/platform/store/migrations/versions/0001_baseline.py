"""The first schema, as the tables' modules declare it."""

from __future__ import annotations

import importlib.util

from alembic import op

from lmg_offline.platform.store import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    if importlib.util.find_spec("lmg_offline.platform.content"):
        importlib.import_module("lmg_offline.platform.content.tables")
    tables.metadata.create_all(op.get_bind())
