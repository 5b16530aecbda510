"""API keys: how they are made, how a typo is told from a key, and the digest that is stored in their place.

A key is `sk_live_tonpo_`, 30 random characters of base 62 (178 bits) and their CRC-32 as 6 more. The checksum refuses a
mistyped or truncated key without a look-up; it is no protection, which the random part is. Stored is an HMAC-SHA256
under a pepper that lies outside the database: a stolen database has nothing to try keys against. A slow hash would add
nothing, since keys are random and not chosen by people.
"""

from __future__ import annotations

import hmac
import re
import secrets
import zlib
from typing import Final

from reference_server.usecases.ports import MintedKey

PREFIX: Final = "sk_live_tonpo_"
BODY_LENGTH: Final = 30
CHECKSUM_LENGTH: Final = 6
MIN_PEPPER_BYTES: Final = 32

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
    """Implements the ApiKeys port: HMAC-SHA256 under one pepper. Raises ValueError if it has less than 32 bytes."""

    def __init__(self, pepper: bytes) -> None:
        if len(pepper) < MIN_PEPPER_BYTES:
            raise ValueError(f"the pepper must have at least {MIN_PEPPER_BYTES} bytes, not {len(pepper)}")
        self._pepper = pepper

    def mint(self) -> MintedKey:
        """Make a new random key."""
        clear = assemble("".join(secrets.choice(_BASE62) for _ in range(BODY_LENGTH)))
        return MintedKey(clear=clear, digest=self._digest(clear), last_four=clear[-4:])

    def digest(self, clear: str) -> bytes | None:
        """Return the digest to look up, or None when the text cannot be a key (form or checksum)."""
        form = _FORM.fullmatch(clear)
        if form is None or checksum(form[1]) != form[2]:
            return None
        return self._digest(clear)

    def _digest(self, clear: str) -> bytes:
        return hmac.digest(self._pepper, clear.encode("ascii"), "sha256")
