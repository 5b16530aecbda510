"""Names of users and accounts: `usr_` and `acc_` followed by a lower-case ULID.

Source: Tonpo docs, examples "usr_01hx..." and "acc_01hx...". A ULID is 48 bits of milliseconds and 80 random bits in 26
characters of Crockford's base 32, so that names sort by age (https://github.com/ulid/spec). Time and randomness are
handed in; two names of the same millisecond sort in no particular order.
"""

from __future__ import annotations

from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
RANDOM_BYTES: Final = 10
MAX_TIME_MS: Final = (1 << 48) - 1


def ulid(now_ms: int, randomness: bytes) -> str:
    """Return the lower-case ULID of a time (ms since the epoch) and 10 random bytes. Raises ValueError."""
    if not 0 <= now_ms <= MAX_TIME_MS:
        raise ValueError(f"a ULID holds 0 to {MAX_TIME_MS} ms since the epoch, not {now_ms}")
    if len(randomness) != RANDOM_BYTES:
        raise ValueError(f"a ULID needs {RANDOM_BYTES} random bytes, not {len(randomness)}")
    value = now_ms << 80 | int.from_bytes(randomness, "big")
    return "".join(ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def new_user_id(now_ms: int, randomness: bytes) -> str:
    """Return a new user's name from the time and 10 random bytes."""
    return f"usr_{ulid(now_ms, randomness)}"


def new_account_id(now_ms: int, randomness: bytes) -> str:
    """Return a new account's name from the time and 10 random bytes."""
    return f"acc_{ulid(now_ms, randomness)}"
