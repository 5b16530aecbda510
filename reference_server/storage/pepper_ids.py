"""Which pepper each API key's digest needs, for the rotation of peppers."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from reference_server.storage.tables import USERS


async def keys_by_pepper(connection: AsyncConnection) -> Mapping[str | None, int]:
    """Return how many users' keys need which pepper; None stands for keys of before there was a choice."""
    query = select(USERS.c.pepper_id, func.count()).group_by(USERS.c.pepper_id)
    return {row[0]: row[1] for row in (await connection.execute(query)).all()}


async def name_pepper_of_old_keys(connection: AsyncConnection, pepper_id: str) -> None:
    """Say of the keys that name no pepper that they need this one."""
    await connection.execute(update(USERS).where(USERS.c.pepper_id.is_(None)).values(pepper_id=pepper_id))
