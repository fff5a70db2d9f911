"""
The last exchange of each device, which tells a copy from the original.

Null for the devices of before: whichever goes on first is believed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the number and the id."""
    op.add_column(
        "devices",
        sa.Column(
            "exchange_seq",
            sa.BigInteger(),
            nullable=True,
            comment="how many exchanges the device must know of; a copy knows fewer",
        ),
    )
    op.add_column(
        "devices",
        sa.Column(
            "exchange_id", sa.String(length=64), nullable=True, comment="the id it gave the exchange before that"
        ),
    )
