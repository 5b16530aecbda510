"""API keys: how they are made, how a typo is told from a key, and the digest that is stored in their place.

A key is `sk_live_tonpo_`, 30 random characters of base 62 (178 bits) and their CRC-32 as 6 more. The checksum refuses a
mistyped or truncated key without a look-up; it is no protection, which the random part is. Stored is an HMAC-SHA256
under a pepper that lies outside the database: a stolen database has nothing to try keys against. A slow hash would add
nothing, since keys are random and not chosen by people. Peppers form a ring: a new key is digested under the newest,
and one that was digested under an older pepper stays valid as long as that is in the ring.
"""

from __future__ import annotations

import hmac
import re
import secrets
import zlib
from typing import Final

from reference_server.security.live_ring import LiveRing
from reference_server.usecases.ports import MintedKey

PREFIX: Final = "sk_live_tonpo_"
BODY_LENGTH: Final = 30
CHECKSUM_LENGTH: Final = 6

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGIT_PAIRS: Final = tuple(high + low for high in _BASE62 for low in _BASE62)
_FORM: Final = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{BODY_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})")


def checksum(body: str) -> str:
    """Return the CRC-32 of a key's random part as six digits of base 62."""
    value, low = divmod(zlib.crc32(body.encode("ascii")), len(_DIGIT_PAIRS))
    high, middle = divmod(value, len(_DIGIT_PAIRS))
    return _DIGIT_PAIRS[high] + _DIGIT_PAIRS[middle] + _DIGIT_PAIRS[low]


def assemble(body: str) -> str:
    """Return the key that has this random part."""
    return f"{PREFIX}{body}{checksum(body)}"


class PepperedApiKeys:
    """Implements the ApiKeys port: HMAC-SHA256 under the peppers of a ring."""

    def __init__(self, peppers: LiveRing) -> None:
        self._peppers = peppers

    def mint(self) -> MintedKey:
        """Make a new random key under the newest pepper. Raises SecretUnusable when the ring cannot be read."""
        clear = assemble("".join(secrets.choice(_BASE62) for _ in range(BODY_LENGTH)))
        pepper = self._peppers.certain().newest
        return MintedKey(clear=clear, digest=_digest(pepper.secret, clear), last_four=clear[-4:], pepper_id=pepper.kid)

    def digests(self, clear: str) -> tuple[bytes, ...]:
        """Return what to look up, newest pepper first; nothing when the text cannot be a key (form or checksum)."""
        form = _FORM.fullmatch(clear)
        if form is None or checksum(form[1]) != form[2]:
            return ()
        return tuple(_digest(pepper.secret, clear) for pepper in self._peppers.now().keys)


def _digest(pepper: bytes, clear: str) -> bytes:
    return hmac.digest(pepper, clear.encode("ascii"), "sha256")
