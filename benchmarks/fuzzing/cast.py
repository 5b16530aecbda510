"""Who takes part: users with keys and accounts, what of theirs is secret, and what a case is told of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from string import ascii_letters, digits
from typing import Final

from reference_server.security.api_keys import assemble

LOGIN_MARK: Final = "7314159265"
"""Begins every login of a run, so that one search finds any of them, and no price or time looks like it."""
PASSWORD_MARK: Final = "fuzz-Secret"
KEY_MARK: Final = "sk_live_"
NETTING: Final = "TonpoSim-Netting"


@dataclass(slots=True)
class User:
    """One user. `account_ids` in the order of creation; the first is active from the beginning."""

    name: str
    key: str
    user_id: str
    account_ids: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cast:
    """The users of a run.

    `traders` send most of it and keep their keys and accounts. `scratch` may lose its accounts, `spinner` its key.
    `witness` sends nothing while the run lasts, and proves at its end that the gateway still serves.
    """

    traders: tuple[User, ...]
    scratch: User
    spinner: User
    witness: User

    @property
    def everybody(self) -> tuple[User, ...]:
        """All users."""
        return (*self.traders, self.scratch, self.spinner, self.witness)


def login_of(random: Random) -> str:
    """Make a login that no other run or price looks like."""
    return f"{LOGIN_MARK}{random.randrange(10**6):06}"


def password_of(random: Random) -> str:
    """Make a password that is found wherever it leaks."""
    return f"{PASSWORD_MARK}-{random.getrandbits(64):016x}"


def unknown_key(random: Random) -> str:
    """Make a key that is formed as it must be and that nobody has."""
    return assemble("".join(random.choices(ascii_letters + digits, k=30)))


WRONG_KEYS: Final = (
    *(
        "",
        "x",
        "sk_live_tonpo_",
        "sk_live_tonpo_" + "0" * 36,
        "sk_live_tonpo_" + "A" * 36,
        "sk_live_tonpo_" + "a" * 5_000,
    ),
    *("Bearer x", "null", "ü", "sk_test_tonpo_" + "0" * 36, " ", "sk_live_tonpo_" + "-" * 36),
)
