"""The first schema, as the tables' modules declare it."""

from __future__ import annotations

from alembic import op

from lmg_offline.platform.content import tables as _content  # noqa: F401 - registers its tables
from lmg_offline.platform.store import tables as _audience  # noqa: F401 - registers its tables
from lmg_offline.platform.store.metadata import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    metadata.create_all(op.get_bind())
