"""The pepper of each API key's digest, and the audit log, of which nothing can be changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_APPEND_ONLY = (
    "CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
)


def upgrade() -> None:
    """Keys of before have no pepper id: they are valid under the one pepper that there was."""
    op.add_column("users", sa.Column("pepper_id", sa.String(8), nullable=True))
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(30), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("request_id", sa.String(64), nullable=True),
        sa.Column("address", sa.Text, nullable=True),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_time_ms", "audit", ["time_ms"])
    op.execute(_APPEND_ONLY)


def downgrade() -> None:
    """Remove the log, and what names the peppers."""
    op.drop_table("audit")
    op.drop_column("users", "pepper_id")
