"""Trades per user and UTC day."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.dialects.sqlite import insert

from reference_server.storage.database import Database
from reference_server.storage.tables import TRADE_COUNTERS as COUNTERS


class SqlTradeCounter:
    """Implements the TradeCounter port: each call is one statement, so that no two trades take the last place."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, user_id: str, day: str, limit: int) -> bool:
        """Count one trade unless `limit` is reached; tell whether it was counted."""
        if limit <= 0:
            return False
        count = (
            insert(COUNTERS)
            .values(user_id=user_id, day=day, trades=1)
            .on_conflict_do_update(
                index_elements=[COUNTERS.c.user_id, COUNTERS.c.day],
                set_={"trades": COUNTERS.c.trades + 1},
                where=COUNTERS.c.trades < limit,
            )
            .returning(COUNTERS.c.trades)
        )
        async with self._database.writing() as connection:
            return (await connection.execute(count)).scalar_one_or_none() is not None

    async def give_back(self, user_id: str, day: str) -> None:
        """Uncount a trade that the broker did not accept; never below zero."""
        uncount = (
            update(COUNTERS)
            .where(COUNTERS.c.user_id == user_id, COUNTERS.c.day == day, COUNTERS.c.trades > 0)
            .values(trades=COUNTERS.c.trades - 1)
        )
        async with self._database.writing() as connection:
            await connection.execute(uncount)
