"""Files that hold keys: mode 0600, in a directory of mode 0700, never seen half-written.

Text form, for files and environment alike: one key of 32 bytes in base64 per line (or separated by commas), newest
first; lines that start with # are remarks.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from reference_server.security.key_ring import KEY_BYTES, KeyRing, RingKey

Stamp = tuple[int, int, int]
"""Changes whenever a file is replaced or written to: inode, time of the last change in ns, size in bytes."""


class SecretUnusable(Exception):
    """A secret of the gateway is missing, damaged or exposed. The message says where and what to do."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file with a ring. `kind` makes its keys; `remark` is the text above them."""

    path: Path
    kind: type[RingKey]
    remark: str

    def stamp(self) -> Stamp:
        """Tell one state of the file from another, cheaply. Raises SecretUnusable."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise SecretUnusable(f"the secret file {self.path} cannot be read: {error.strerror}") from error
        return found.st_ino, found.st_mtime_ns, found.st_size

    def read(self) -> KeyRing:
        """Read the ring. Raises SecretUnusable."""
        return ring_of(read_private(self.path), self.kind, where=str(self.path))

    def create(self, ring: KeyRing) -> None:
        """Write a new file; one that is there stays. Raises FileExistsError, SecretUnusable."""
        write_private(self.path, self._text(ring), replacing=False)

    def replace(self, ring: KeyRing) -> None:
        """Put this ring in the place of what is there, in one step. Raises SecretUnusable."""
        write_private(self.path, self._text(ring), replacing=True)

    def _text(self, ring: KeyRing) -> str:
        return self.remark + "".join(f"{base64.b64encode(key.secret).decode()}\n" for key in ring.keys)


def ring_of(text: str, kind: type[RingKey], *, where: str) -> KeyRing:
    """Read a ring from its text form. Raises SecretUnusable, which names `where` and never shows the text."""
    try:
        return KeyRing(tuple(map(kind, parse_keys(text, where=where))))
    except ValueError as error:
        raise SecretUnusable(f"{where}: {error}") from error


def parse_keys(text: str, *, where: str) -> tuple[bytes, ...]:
    """Read keys from their text form. Raises SecretUnusable, which names `where` and never shows the text."""
    lines = [part for line in text.splitlines() for part in ([line] if line.startswith("#") else line.split(","))]
    keys = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        try:
            key = base64.b64decode(line, validate=True)
        except (binascii.Error, ValueError) as error:
            raise SecretUnusable(f"{where}, entry {number}: not base64") from error
        if len(key) != KEY_BYTES:
            raise SecretUnusable(f"{where}, entry {number}: a key has {KEY_BYTES} bytes, this one has {len(key)}")
        keys.append(key)
    if not keys:
        raise SecretUnusable(f"{where} holds no key: expected {KEY_BYTES} random bytes in base64")
    return tuple(keys)


def make_private_directory(path: Path) -> None:
    """Make the directory (mode 0700) and its parents unless it exists. Raises SecretUnusable when it cannot be made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SecretUnusable(f"the data directory {path} cannot be made: {error.strerror}") from error


def read_private(path: Path) -> str:
    """Read a secret file that nobody else may read. Raises SecretUnusable."""
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SecretUnusable(
                f"the secret file {path} is open to other users (mode {stat.S_IMODE(mode):04o}): run chmod 600 {path}, "
                "and replace its keys if others had access"
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SecretUnusable(f"the secret file {path} cannot be read: {reason}") from error


def write_private(path: Path, text: str, *, replacing: bool) -> None:
    """Write a file of mode 0600 to the disk, as one step. Raises FileExistsError unless replacing, SecretUnusable."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if replacing:
                draft.replace(path)
            else:
                os.link(draft, path)  # unlike a rename, never replaces what another process has just written
        finally:
            draft.unlink(missing_ok=True)
        _sync_directory(path.parent)
        if replacing:
            _remove_drafts(path)
    except FileExistsError:
        raise
    except OSError as error:
        raise SecretUnusable(f"the secret file {path} cannot be written: {error.strerror}") from error


def _sync_directory(path: Path) -> None:
    """Make a rename outlive a power cut: a new key must not be lost once something is wrapped with it."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_drafts(path: Path) -> None:
    """Remove what a killed writer left; whoever replaces a file is alone, so that no draft is in use."""
    for draft in path.parent.glob(f".{path.name}.{'[0-9a-f]' * 16}"):
        draft.unlink(missing_ok=True)
