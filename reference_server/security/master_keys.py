"""The gateway's own secrets: the ring of master keys that wrap data keys, and the pepper of the API keys.

Both lie in files of mode 0600 beside the database, in a directory of mode 0700, and are made on the first start; an
operator may give them by environment or name other files instead. Text form, for files and environment alike: one key
of 32 bytes in base64 per line (or separated by commas), newest first; lines that start with # are remarks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32

_RING_REMARK: Final = (
    "# Master keys of this gateway, newest first. Without this file no stored MT5 password can be read: back it up,\n"
    "# apart from the database.\n"
)
_PEPPER_REMARK: Final = (
    "# Pepper of this gateway's API keys. Without this file every API key stops working: back it up, apart from the\n"
    "# database.\n"
)


class SecretUnusable(Exception):
    """A secret of the gateway is missing, damaged or exposed. The message says where and what to do."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One 256-bit key. `kid` is derived from it: the same key has the same name everywhere. `repr` hides the key."""

    secret: bytes = field(repr=False)

    @property
    def kid(self) -> str:
        """Eight hexadecimal digits that name the key and tell nothing about it."""
        return hashlib.sha256(b"tonpo master key id|" + self.secret).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Master keys, newest first, never empty, each once."""

    keys: tuple[MasterKey, ...]

    def __post_init__(self) -> None:
        kids = [key.kid for key in self.keys]
        if not kids or len(set(kids)) != len(kids):
            raise ValueError("a key ring needs at least one key and holds each key once")

    @property
    def newest(self) -> MasterKey:
        """The key that seals."""
        return self.keys[0]


@dataclass(frozen=True, slots=True)
class GatewaySecrets:
    """What `open_secrets` found or made."""

    ring: KeyRing
    pepper: bytes = field(repr=False)


def open_secrets(
    data_dir: Path,
    *,
    may_create: bool,
    master_keys: str | None = None,
    master_keys_file: Path | None = None,
    pepper: str | None = None,
    pepper_file: Path | None = None,
) -> GatewaySecrets:
    """Return the key ring and the pepper, from their text, from named files, or from the data directory.

    Only the files of the data directory are made when missing, and only if `may_create`: pass False when a database
    exists, since fresh keys would silently make every stored credential and API key useless. Raises SecretUnusable.
    """
    ring = _secret(master_keys, "master_keys", master_keys_file, data_dir / "master_keys", _RING_REMARK, may_create)
    peppers = _secret(pepper, "api_key_pepper", pepper_file, data_dir / "api_key_pepper", _PEPPER_REMARK, may_create)
    if len(peppers) != 1:
        raise SecretUnusable(f"api_key_pepper: expected one key, found {len(peppers)}")
    try:
        return GatewaySecrets(KeyRing(tuple(MasterKey(key) for key in ring)), peppers[0])
    except ValueError as error:
        raise SecretUnusable(f"master_keys: {error}") from error


def make_private_directory(path: Path) -> None:
    """Make the directory (mode 0700) and its parents unless it exists. Raises SecretUnusable when it cannot be made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SecretUnusable(f"the data directory {path} cannot be made: {error.strerror}") from error


def parse_keys(text: str, *, where: str) -> tuple[bytes, ...]:
    """Read keys from their text form. Raises SecretUnusable, which names `where` and never shows the text."""
    lines = [part for line in text.splitlines() for part in ([line] if line.startswith("#") else line.split(","))]
    keys = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        try:
            key = base64.b64decode(line, validate=True)
        except binascii.Error as error:
            raise SecretUnusable(f"{where}, entry {number}: not base64") from error
        if len(key) != KEY_BYTES:
            raise SecretUnusable(f"{where}, entry {number}: a key has {KEY_BYTES} bytes, this one has {len(key)}")
        keys.append(key)
    if not keys:
        raise SecretUnusable(f"{where} holds no key: expected {KEY_BYTES} random bytes in base64")
    return tuple(keys)


def _secret(
    text: str | None, name: str, named_file: Path | None, own_file: Path, remark: str, may_create: bool
) -> tuple[bytes, ...]:
    if text is not None:
        return parse_keys(text, where=name)
    path = named_file or own_file
    if path.exists():
        return parse_keys(_read_private(path), where=str(path))
    if named_file is not None:
        raise SecretUnusable(f"{name}: the file {path} does not exist")
    if not may_create:
        raise SecretUnusable(
            f"the secret file {path} is missing and the database exists: restore it from a backup. A new one would "
            "make all stored credentials and API keys useless"
        )
    make_private_directory(own_file.parent)
    key = secrets.token_bytes(KEY_BYTES)
    try:
        _write_private(path, f"{remark}{base64.b64encode(key).decode()}\n")
    except FileExistsError:  # another process of the gateway was first
        return parse_keys(_read_private(path), where=str(path))
    return (key,)


def _read_private(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SecretUnusable(
                f"the secret file {path} is open to other users (mode {stat.S_IMODE(mode):04o}): run chmod 600 {path}, "
                "and replace its keys if others had access"
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretUnusable(f"the secret file {path} cannot be read: {error}") from error


def _write_private(path: Path, text: str) -> None:
    """Write a new file of mode 0600 that is never seen half-written. Raises FileExistsError, SecretUnusable."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)  # unlike a rename, never replaces what another process has just written
        finally:
            draft.unlink()
    except FileExistsError:
        raise
    except OSError as error:
        raise SecretUnusable(f"the secret file {path} cannot be written: {error.strerror}") from error
