"""The gateway's own secrets: the ring of master keys that wrap data keys, and the ring of peppers of the API keys.

Both lie in files beside the database and are made on the first start; an operator may give them by environment or name
other files instead.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reference_server.security.key_files import KeyFile, SecretUnusable, make_private_directory, ring_of
from reference_server.security.key_ring import KEY_BYTES, KeyRing, MasterKey, Pepper
from reference_server.security.live_ring import LiveRing

MASTER_KEYS: Final = "master_keys"
PEPPERS: Final = "api_key_pepper"
MOST_PEPPERS: Final = 8
"""Every look-up of a key that is not known yet tries each."""

_RING_REMARK: Final = (
    "# Master keys of this gateway, newest first. Without this file no stored MT5 password can be read: back it up,\n"
    "# apart from the database.\n"
)
_PEPPER_REMARK: Final = (
    "# Pepper of this gateway's API keys, newest first. Without this file every API key stops working: back it up,\n"
    "# apart from the database.\n"
)


@dataclass(frozen=True, slots=True)
class GatewaySecrets:
    """What `open_secrets` found or made."""

    ring: LiveRing
    peppers: LiveRing


def open_secrets(
    data_dir: Path,
    *,
    may_create: bool,
    master_keys: str | None = None,
    master_keys_file: Path | None = None,
    pepper: str | None = None,
    pepper_file: Path | None = None,
) -> GatewaySecrets:
    """Return the master keys and the peppers, from their text, from named files, or from the data directory.

    Only the files of the data directory are made when missing, and only if `may_create`: pass False when a database
    exists, since fresh keys would silently make every stored credential and API key useless. Raises SecretUnusable.
    """
    ring_file = KeyFile(master_keys_file or data_dir / MASTER_KEYS, MasterKey, _RING_REMARK)
    peppers_file = KeyFile(pepper_file or data_dir / PEPPERS, Pepper, _PEPPER_REMARK)
    ring = _opened(ring_file, MASTER_KEYS, master_keys, may_create=may_create, is_named=master_keys_file is not None)
    peppers = _opened(peppers_file, PEPPERS, pepper, may_create=may_create, is_named=pepper_file is not None)
    if len(peppers.now().keys) > MOST_PEPPERS:
        raise SecretUnusable(f"{PEPPERS}: expected {MOST_PEPPERS} keys at most, found {len(peppers.now().keys)}")
    return GatewaySecrets(ring, peppers)


def _opened(file: KeyFile, name: str, text: str | None, *, may_create: bool, is_named: bool) -> LiveRing:
    if text is not None:
        return LiveRing(ring_of(text, file.kind, where=name))
    if file.path.exists():
        return LiveRing.following(file)
    if is_named:
        raise SecretUnusable(f"{name}: the file {file.path} does not exist")
    if not may_create:
        raise SecretUnusable(
            f"the secret file {file.path} is missing and the database exists: restore it from a backup. A new one "
            "would make all stored credentials and API keys useless"
        )
    make_private_directory(file.path.parent)
    with suppress(FileExistsError):  # another process of the gateway was first
        file.create(KeyRing((file.kind(secrets.token_bytes(KEY_BYTES)),)))
    return LiveRing.following(file)
