"""Trades are counted in the journal, together with the requests that they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the counts: a day's count begins anew on the day of the change."""
    op.drop_table("trade_counters")


def downgrade() -> None:
    """Make the table again, empty."""
    op.create_table(
        "trade_counters",
        sa.Column(
            "user_id", sa.String(30), sa.ForeignKey("users.user_id", name="fk_trade_counters_user_id"), primary_key=True
        ),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("trades", sa.Integer, nullable=False),
    )
