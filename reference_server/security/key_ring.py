"""Keys that have names, and rings of them, newest first."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar, Final

KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class RingKey:
    """One 256-bit key. `kid` is derived from it: the same key has the same name everywhere. `repr` hides the key."""

    secret: bytes = field(repr=False)

    _label: ClassVar[bytes] = b""

    @property
    def kid(self) -> str:
        """Eight hexadecimal digits that name the key and tell nothing about it."""
        return hashlib.sha256(self._label + self.secret).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class MasterKey(RingKey):
    """Wraps the data keys of stored credentials."""

    _label: ClassVar[bytes] = b"tonpo master key id|"


@dataclass(frozen=True, slots=True)
class Pepper(RingKey):
    """Keys the digests of API keys."""

    _label: ClassVar[bytes] = b"tonpo api key pepper id|"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys of one kind, newest first, never empty, each once. Raises ValueError."""

    keys: tuple[RingKey, ...]

    def __post_init__(self) -> None:
        kids = self.kids
        if not kids or len(set(kids)) != len(kids):
            raise ValueError("a key ring needs at least one key and holds each key once")

    @property
    def newest(self) -> RingKey:
        """The key that is used for what is new."""
        return self.keys[0]

    @property
    def kids(self) -> tuple[str, ...]:
        """The names, newest first."""
        return tuple(key.kid for key in self.keys)

    def with_newest(self, key: RingKey) -> KeyRing:
        """Return the ring with one more key, which becomes the newest."""
        return KeyRing((key, *self.keys))

    def only(self, kids: Collection[str]) -> KeyRing:
        """Return the ring with the newest key and, of the older ones, those that are named."""
        return KeyRing((self.newest, *(key for key in self.keys[1:] if key.kid in kids)))
