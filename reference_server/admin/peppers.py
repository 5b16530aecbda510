"""Rotation of the peppers of API keys. No digest can be made anew without its key: old ones stay under their pepper."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Final

from reference_server.admin.opened_store import operator_entry
from reference_server.commands import Refused
from reference_server.domain.audit import AuditAction
from reference_server.security.gateway_secrets import MOST_PEPPERS, PEPPERS
from reference_server.security.key_files import KeyFile
from reference_server.security.key_ring import KEY_BYTES, Pepper
from reference_server.storage.audit import append
from reference_server.storage.pepper_ids import keys_by_pepper, name_pepper_of_old_keys
from reference_server.store import Store

SETTLED_SECONDS: Final = 60.0
"""A key that was made just before a rotation is stored by then, or never."""


async def rotate(store: Store) -> str:
    """Add a newest pepper to the ring, for the keys that are made from now on; return its name.

    Raises Refused, SecretUnusable.
    """
    file = _file(store)
    async with store.database.transaction() as connection:
        ring = file.read()
        if len(ring.keys) >= MOST_PEPPERS:
            raise Refused(
                f"the ring holds {len(ring.keys)} peppers, and every unknown key is tried against each: let users "
                "rotate their keys, then run tonpo admin keys prune --pepper"
            )
        if len(ring.keys) == 1:
            await name_pepper_of_old_keys(connection, ring.newest.kid)
        grown = ring.with_newest(Pepper(secrets.token_bytes(KEY_BYTES)))
        detail = f"newest {grown.newest.kid}"
        await append(connection, operator_entry(AuditAction.PEPPER_ROTATED, PEPPERS, detail))
        file.replace(grown)
    return grown.newest.kid


async def prune(store: Store) -> tuple[str, ...]:
    """Take every pepper out of the ring that is not the newest and that no key needs; return their names.

    Raises Refused, SecretUnusable.
    """
    file = _file(store)
    age = time.time() - file.stamp()[1] / 1e9
    if 0 <= age < SETTLED_SECONDS and len(file.read().keys) > 1:
        raise Refused(
            f"the peppers were changed {age:.0f} s ago, and a key may just be on its way into the database: try again "
            f"in {SETTLED_SECONDS - age:.0f} s"
        )
    async with store.database.transaction() as connection:
        ring = file.read()
        needed = await keys_by_pepper(connection)
        if None in needed and len(ring.keys) > 1:
            raise Refused(
                f"{needed[None]} API keys do not say which pepper they need, since they are older than the choice: let "
                "these users rotate their keys first"
            )
        kept = ring.only({kid for kid in needed if kid is not None})
        gone = tuple(kid for kid in ring.kids if kid not in kept.kids)
        if gone:
            detail = f"removed {', '.join(gone)}"
            await append(connection, operator_entry(AuditAction.PEPPER_PRUNED, PEPPERS, detail))
            file.replace(kept)
    return gone


async def count_keys(store: Store) -> Mapping[str | None, int]:
    """Return how many API keys need which pepper; None where that is not said."""
    async with store.database.reading() as connection:
        return await keys_by_pepper(connection)


def _file(store: Store) -> KeyFile:
    if store.secrets.peppers.file is None:
        raise Refused(
            "the peppers are given by the setting api_key_pepper (TONPO_API_KEY_PEPPER), which this command cannot "
            "change: put a new one (openssl rand -base64 32) and a comma in front of the others there, and start the "
            "gateway again"
        )
    return store.secrets.peppers.file
