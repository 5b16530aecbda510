"""Rotation of the master keys: a new key in front of the ring, what is stored wrapped by it, the old ones taken out.

Each step leaves everything readable, whoever is stopped after it and whatever a running gateway does between two: the
ring only ever gains a key, or loses one that no row needs; rows are swapped one by one against the text that was read.
Whoever changes a ring file or seals holds the database's write lock, so that no key leaves between being used to seal
and the row being stored: at every moment the file has the keys of all rows that are stored, as backups rely on.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reference_server.admin.opened_store import operator_entry
from reference_server.commands import Refused
from reference_server.domain.audit import AuditAction
from reference_server.security.gateway_secrets import MASTER_KEYS
from reference_server.security.key_files import KeyFile
from reference_server.security.key_ring import KEY_BYTES, KeyRing, MasterKey
from reference_server.security.vault import NotSealedHere, kid_of
from reference_server.storage.audit import append
from reference_server.storage.credentials import SealedRow, sealed_rows
from reference_server.store import Store

BATCH_ROWS: Final = 100
"""Some 10 ms of the database's write lock: a running gateway does not notice."""

DAMAGED: Final = "damaged"
"""Stands where the name of a key would, for a sealed text that cannot be read."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a rotation is done: `done` of `total` rows were looked at, `kid` is the newest key."""

    kid: str
    done: int
    total: int
    is_resumed: bool = False
    unreadable: tuple[str, ...] = ()
    """Accounts whose credentials do not open: they are left as they are."""


async def rotate(store: Store, *, batch_rows: int = BATCH_ROWS) -> AsyncGenerator[Step, None]:
    """Add a newest key unless an interrupted rotation has done so, and wrap everything stored by it.

    May be closed or killed after any step; the next call finishes. Raises Refused, SecretUnusable.
    """
    total = len(await store.credentials.everything())
    kid, is_resumed = await _add_key(store)
    yield Step(kid, 0, total, is_resumed)
    done, rewrapped, after, unreadable = 0, 0, "", []

    def rewrap(account_id: str, sealed: bytes) -> bytes:
        try:
            return store.vault.rewrap(account_id, sealed)
        except NotSealedHere:
            unreadable.append(account_id)
            return sealed

    while rows := await store.credentials.batch(after, batch_rows):
        rewrapped += await store.credentials.rewrap(rows, rewrap)
        done, after = done + len(rows), rows[-1].account_id
        yield Step(kid, done, max(done, total), is_resumed, tuple(unreadable))
    detail = f"newest {kid}, {rewrapped} credentials wrapped anew"
    await store.audit.add(operator_entry(AuditAction.MASTER_KEY_ROTATED, MASTER_KEYS, detail))


async def prune(store: Store) -> tuple[str, ...]:
    """Take every key out of the ring that is not the newest and that no row needs; return their names.

    Raises Refused, SecretUnusable.
    """
    file = ring_file(store)
    async with store.database.transaction() as connection:
        ring = file.read()
        needed = rows_by_kid(await sealed_rows(connection))
        if needed[DAMAGED]:
            raise Refused(
                f"the credentials of {needed[DAMAGED]} accounts are damaged, so that it cannot be told which key they "
                "need: run tonpo admin doctor"
            )
        kept = ring.only(needed)
        gone = tuple(kid for kid in ring.kids if kid not in kept.kids)
        if gone:
            detail = f"removed {', '.join(gone)}"
            await append(connection, operator_entry(AuditAction.MASTER_KEY_PRUNED, MASTER_KEYS, detail))
            file.replace(kept)
    return gone


async def count_rows(store: Store) -> Mapping[str, int]:
    """Return how many rows each key wraps."""
    return rows_by_kid(await store.credentials.everything())


def rows_by_kid(rows: Iterable[SealedRow]) -> Counter[str]:
    """Count rows by the name of the key that they need."""
    return Counter(map(_kid, rows))


def missing_keys(rows: Iterable[SealedRow], ring: KeyRing) -> Sequence[str]:
    """Name the keys that these rows need and that the ring does not have."""
    return sorted(set(rows_by_kid(rows)) - {DAMAGED, *ring.kids})


def ring_file(store: Store) -> KeyFile:
    """Return the file of the ring. Raises Refused when the ring was given by environment."""
    file = store.secrets.ring.file
    if file is None:
        raise Refused(
            "the master keys are given by the setting master_keys (TONPO_MASTER_KEYS), which this command cannot "
            "change: put a new key (openssl rand -base64 32) and a comma in front of the others there, start the "
            "gateway with it and stop it, then run tonpo admin keys rotate, which wraps what is stored by the new key"
        )
    return file


async def _add_key(store: Store) -> tuple[str, bool]:
    """Return the name of the key to wrap with, and whether it was there already."""
    async with store.database.transaction() as connection:
        ring = store.secrets.ring.certain()
        if any(_can_be_wrapped_anew(store, row) for row in await sealed_rows(connection)):
            return ring.newest.kid, True
        file = ring_file(store)
        grown: KeyRing = ring.with_newest(MasterKey(secrets.token_bytes(KEY_BYTES)))
        file.replace(grown)
        return grown.newest.kid, False


def _can_be_wrapped_anew(store: Store, row: SealedRow) -> bool:
    try:
        return store.vault.rewrap(row.account_id, row.sealed) != row.sealed
    except NotSealedHere:
        return False


def _kid(row: SealedRow) -> str:
    try:
        return kid_of(row.sealed)
    except NotSealedHere:
        return DAMAGED
