"""The tables, as the migrations make them. Times in ms since the epoch, UTC; days as ISO dates, UTC."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

METADATA: Final = MetaData()

USERS: Final = Table(
    "users",
    METADATA,
    Column("user_id", String(30), primary_key=True),
    Column("key_digest", LargeBinary(32), nullable=False),
    Column("key_last_four", String(4), nullable=False),
    Column("plan", String(32), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("pepper_id", String(8), nullable=True),
    UniqueConstraint("key_digest", name="uq_users_key_digest"),
)

ACCOUNTS: Final = Table(
    "accounts",
    METADATA,
    Column("account_id", String(30), primary_key=True),
    Column("user_id", String(30), ForeignKey("users.user_id", name="fk_accounts_user_id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("region", Text, nullable=True),
    Column("mt5_server", Text, nullable=False),
    Column("last_error", Text, nullable=True),
    Column("sealed_credentials", LargeBinary, nullable=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("auth_token_digest", LargeBinary(32), nullable=True),
    Column("auth_token_used", Boolean, nullable=False, server_default=false()),
    Column("node_key_digest", LargeBinary(32), nullable=True),
    Column("node_enrolled_at_ms", BigInteger, nullable=True),
    Index("ix_accounts_user_id", "user_id"),
    Index("ux_accounts_auth_token_digest", "auth_token_digest", unique=True),
    Index("ux_accounts_node_key_digest", "node_key_digest", unique=True),
)

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("actor", String(30), nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", String(64), nullable=True),
    Column("address", Text, nullable=True),
    Column("detail", Text, nullable=False),
    Index("ix_audit_time_ms", "time_ms"),
    sqlite_autoincrement=True,  # a sequence is never given twice, also after a purge: readers remember where they were
)
