"""Users with their one key, accounts with sealed credentials, trades per user and day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "users",
        sa.Column("user_id", sa.String(30), primary_key=True),
        sa.Column("key_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("key_last_four", sa.String(4), nullable=False),
        sa.Column("plan", sa.String(32), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("key_digest", name="uq_users_key_digest"),
    )
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.String(30), primary_key=True),
        sa.Column("user_id", sa.String(30), sa.ForeignKey("users.user_id", name="fk_accounts_user_id"), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("region", sa.Text, nullable=True),
        sa.Column("mt5_server", sa.Text, nullable=False),
        sa.Column("last_error", sa.Text, nullable=True),
        sa.Column("sealed_credentials", sa.LargeBinary, nullable=True),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_accounts_user_id", "accounts", ["user_id"])
    op.create_table(
        "trade_counters",
        sa.Column(
            "user_id", sa.String(30), sa.ForeignKey("users.user_id", name="fk_trade_counters_user_id"), primary_key=True
        ),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("trades", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Remove the three tables and all they hold."""
    op.drop_table("trade_counters")
    op.drop_index("ix_accounts_user_id", "accounts")
    op.drop_table("accounts")
    op.drop_table("users")
