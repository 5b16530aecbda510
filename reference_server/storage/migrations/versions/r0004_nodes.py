"""The one-time token of each account, and the node that claimed it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Accounts of before have no token that is known: an operator gives them one."""
    op.add_column("accounts", sa.Column("auth_token_digest", sa.LargeBinary(32), nullable=True))
    op.add_column("accounts", sa.Column("auth_token_used", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("accounts", sa.Column("node_key_digest", sa.LargeBinary(32), nullable=True))
    op.add_column("accounts", sa.Column("node_enrolled_at_ms", sa.BigInteger, nullable=True))
    op.create_index("ux_accounts_auth_token_digest", "accounts", ["auth_token_digest"], unique=True)
    op.create_index("ux_accounts_node_key_digest", "accounts", ["node_key_digest"], unique=True)


def downgrade() -> None:
    """Forget tokens and nodes."""
    op.drop_index("ux_accounts_node_key_digest", "accounts")
    op.drop_index("ux_accounts_auth_token_digest", "accounts")
    for column in ("node_enrolled_at_ms", "node_key_digest", "auth_token_used", "auth_token_digest"):
        op.drop_column("accounts", column)
