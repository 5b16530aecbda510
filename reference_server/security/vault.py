"""MT5 credentials at rest: AES-256-GCM in an envelope.

Sealed text, all parts but the first two in unpadded base64url:

    v1.<kid>.<wrapped data key>.<nonce>.<ciphertext>

Each account has a random data key, wrapped by the master key named by `kid`; its associated data is
`v1|kid|account_id|data_key`. The ciphertext's is `v1|account_id|mt5_credentials`: without the kid, so that a rotation
of the master key rewraps data keys and touches nothing else, while the wrapping still binds the kid. A row copied to
another account, or changed in any byte, does not open. The padded plaintext hides the length of the password.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass, replace
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reference_server.domain.account import Mt5Credentials
from reference_server.security.key_ring import KeyRing, RingKey
from reference_server.security.live_ring import LiveRing

VERSION: Final = "v1"
NONCE_BYTES: Final = 12
PADDING_BYTES: Final = 128


class NotSealedHere(ValueError):
    """The text was not sealed for this account by a key of the ring, or was changed since."""


@dataclass(frozen=True, slots=True)
class _Envelope:
    kid: str
    wrapped: bytes
    nonce: bytes
    ciphertext: bytes

    def text(self) -> bytes:
        parts = (self.wrapped, self.nonce, self.ciphertext)
        return b".".join([VERSION.encode(), self.kid.encode(), *map(_encode, parts)])


class EnvelopeVault:
    """Implements the Vault port. Seals with the newest key of the ring and opens with any of them."""

    def __init__(self, ring: LiveRing) -> None:
        self._ring = ring

    def seal(self, account_id: str, credentials: Mt5Credentials) -> bytes:
        """Encrypt the credentials for this account under a fresh data key.

        Raises SecretUnusable when the ring's file cannot be read: nobody could open what a lost key has sealed.
        """
        newest = self._ring.certain().newest
        plain = json.dumps([credentials.login, credentials.password, credentials.server]).encode()
        padded = plain.ljust(-(-len(plain) // PADDING_BYTES) * PADDING_BYTES)
        data_key = AESGCM.generate_key(bit_length=256)
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = AESGCM(data_key).encrypt(nonce, padded, _credentials_context(account_id))
        return _Envelope(newest.kid, _wrap(newest, account_id, data_key), nonce, ciphertext).text()

    def open(self, account_id: str, sealed: bytes) -> Mt5Credentials:
        """Decrypt. Raises NotSealedHere (a ValueError), which never holds any part of the secret."""
        envelope = _parse(sealed)
        data_key = self._unwrap(self._ring.now(), account_id, envelope)
        try:
            plain = AESGCM(data_key).decrypt(envelope.nonce, envelope.ciphertext, _credentials_context(account_id))
        except (InvalidTag, ValueError) as error:
            raise _changed(account_id) from error
        login, password, server = json.loads(plain)
        return Mt5Credentials(login=login, password=password, server=server)

    def rewrap(self, account_id: str, sealed: bytes) -> bytes:
        """Return the same credentials, their data key wrapped by the newest key; unchanged when it is already.

        Raises NotSealedHere, and SecretUnusable when the ring's file cannot be read.
        """
        envelope = _parse(sealed)
        ring = self._ring.certain()
        if envelope.kid == ring.newest.kid:
            return sealed
        wrapped = _wrap(ring.newest, account_id, self._unwrap(ring, account_id, envelope))
        return replace(envelope, kid=ring.newest.kid, wrapped=wrapped).text()

    def _unwrap(self, ring: KeyRing, account_id: str, envelope: _Envelope) -> bytes:
        key = _named(ring, envelope.kid) or _named(self._ring.again(), envelope.kid)
        if key is None:
            raise NotSealedHere(f"the credentials of {account_id} need a master key that the key ring does not hold")
        nonce, wrapped = envelope.wrapped[:NONCE_BYTES], envelope.wrapped[NONCE_BYTES:]
        try:
            return AESGCM(key.secret).decrypt(nonce, wrapped, _key_context(envelope.kid, account_id))
        except (InvalidTag, ValueError) as error:
            raise _changed(account_id) from error


def kid_of(sealed: bytes) -> str:
    """Return the name of the master key that a sealed text needs. Raises NotSealedHere."""
    return _parse(sealed).kid


def _named(ring: KeyRing, kid: str) -> RingKey | None:
    return next((key for key in ring.keys if key.kid == kid), None)


def _wrap(key: RingKey, account_id: str, data_key: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key.secret).encrypt(nonce, data_key, _key_context(key.kid, account_id))


def _changed(account_id: str) -> NotSealedHere:
    return NotSealedHere(f"the credentials of {account_id} were changed or are not its own")


def _key_context(kid: str, account_id: str) -> bytes:
    return f"{VERSION}|{kid}|{account_id}|data_key".encode()


def _credentials_context(account_id: str) -> bytes:
    return f"{VERSION}|{account_id}|mt5_credentials".encode()


def _encode(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    # The standard decoder skips foreign characters and ignores spare bits: one value would have several spellings.
    raw = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    if _encode(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


def _parse(sealed: bytes) -> _Envelope:
    try:
        version, kid, *parts = sealed.split(b".")
        wrapped, nonce, ciphertext = map(_decode, parts)
        envelope = _Envelope(kid.decode("ascii"), wrapped, nonce, ciphertext)
    except (ValueError, binascii.Error) as error:
        raise NotSealedHere("the sealed credentials are damaged") from error
    if version != VERSION.encode() or len(nonce) != NONCE_BYTES:
        raise NotSealedHere(f"the sealed credentials are not of format {VERSION}")
    return envelope
