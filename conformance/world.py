"""The users and accounts that a run works with: given, or created where that is allowed, and shared by the checks."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from conformance.client import Client, Patience
from conformance.errors import CouldNotRun, PrerequisiteFailed
from conformance.exchange import Transcript
from conformance.holdings import Account, User
from conformance.provisioning import adopt_account, create_user, learn_plan, provision
from conformance.target import Credentials, Effects, TargetConfig

__all__ = ["FIXTURES", "Fixtures", "World"]

FIXTURES = frozenset(
    {"user", "second_user", "account", "second_account", "disposable_user", "disposable_account", "bad_account"}
)
"""What a check can ask for in `needs`, besides capabilities.

user                a user with a key
second_user         another user
account             an active account of `user`
second_account      an active account of `second_user`
disposable_user     a user made for this check alone, whose key may be rotated and whose limits may be used up
disposable_account  an account of `disposable_user`, which may be paused and deleted
bad_account         MT5 credentials that the broker refuses
"""

ENOUGH_REQUESTS = 25
"""A user with fewer free requests in its window is left to rest when another one can be used."""


@dataclass(frozen=True, slots=True)
class Fixtures:
    """What one check was given."""

    user: User | None = None
    second_user: User | None = None
    disposable_user: User | None = None
    bad_account: Credentials | None = None
    fresh: Callable[[], Credentials] | None = None


class World:
    """Hands out users and accounts, creating as few as possible."""

    def __init__(self, target: TargetConfig, client: Client) -> None:
        self._target = target
        self._client = client
        self._unused_credentials = list(target.accounts)
        self._broken: dict[str, str] = {}
        self._one_at_a_time = asyncio.Lock()

    async def adopt(self, transcript: Transcript) -> None:
        """Take in the users whose keys were given: their plan, and the account they already have.

        Raises PrerequisiteFailed when the gateway does not know a key.
        """
        for key in self._target.api_keys:
            user = self._client.holdings.add_key(key, is_created_by_run=False)
            await learn_plan(self._client, user, transcript)
            await adopt_account(self._client, user, transcript)

    async def acquire(self, needs: frozenset[str], trades: int, transcript: Transcript, patience: Patience) -> Fixtures:
        """Provide what a check needs. Raises CouldNotRun when it cannot be had here, PrerequisiteFailed when the
        gateway could not make it."""
        async with self._one_at_a_time:
            return await self._acquire(needs, trades, transcript, patience)

    async def _acquire(
        self, needs: frozenset[str], trades: int, transcript: Transcript, patience: Patience
    ) -> Fixtures:
        with_account = "account" in needs
        user = second = disposable = None
        if needs & {"user", "account"}:
            user = await self._shared(with_account, trades, None, transcript, patience)
        if needs & {"second_user", "second_account"}:
            second = await self._shared("second_account" in needs, 0, user, transcript, patience)
        if needs & {"disposable_user", "disposable_account"}:
            disposable = await self._new_user(transcript, patience, is_disposable=True)
            if "disposable_account" in needs:
                await self._give_account(disposable, transcript, patience)
        bad = self._bad_account() if "bad_account" in needs else None
        return Fixtures(user, second, disposable, bad, self.fresh_credentials)

    def fresh_credentials(self) -> Credentials:
        """Return MT5 credentials that no account of this run uses. Raises CouldNotRun when there are none left.

        On a sandbox any login of digits with any password is accepted, so new ones are made when none were given.
        """
        if self._unused_credentials:
            return self._unused_credentials.pop(0)
        if self._target.is_sandbox and not self._target.accounts:
            login = str(10_000_000 + secrets.randbelow(90_000_000))
            return Credentials(login, f"pw-{secrets.token_hex(6)}", "Conformance-Demo")
        raise CouldNotRun("no further MT5 account is given (--account LOGIN:PASSWORD@SERVER)")

    async def _shared(
        self, with_account: bool, trades: int, other: User | None, transcript: Transcript, patience: Patience
    ) -> User:
        suitable = [
            user
            for user in self._client.holdings.users
            if user is not other and not user.is_disposable and self._fits(user, with_account, trades)
        ]
        rested = [user for user in suitable if user.pacer.free >= ENOUGH_REQUESTS]
        if rested:
            return rested[0]
        if suitable and not self._may_create_user():
            return max(suitable, key=lambda user: user.pacer.free)
        empty = [
            user
            for user in self._client.holdings.users
            if user is not other and not user.is_disposable and user.account is None and not user.has_several_accounts
        ]
        user = empty[0] if empty else await self._new_user(transcript, patience)
        if with_account:
            await self._give_account(user, transcript, patience)
        if not self._fits(user, with_account, trades):
            raise CouldNotRun("the plan's trades per day are used up")
        return user

    def _fits(self, user: User, with_account: bool, trades: int) -> bool:
        if with_account and not (user.account is not None and user.account.is_active):
            return False
        return user.trades_left() >= trades

    def _may_create_user(self) -> bool:
        allowed = Effects.ACCOUNT in self._target.allowed_effects
        return allowed and self._client.holdings.users_created < self._target.user_budget

    async def _new_user(self, transcript: Transcript, patience: Patience, *, is_disposable: bool = False) -> User:
        if Effects.ACCOUNT not in self._target.allowed_effects:
            raise CouldNotRun(f"no further key is given (--api-key), and a {self._target.target_class} target's users "
                              "are not created by the suite")  # fmt: skip
        self._refuse_known_failure("user")
        try:
            return await create_user(self._client, transcript, patience, is_disposable=is_disposable)
        except PrerequisiteFailed as problem:
            self._broken["user"] = str(problem)
            raise

    async def _give_account(self, user: User, transcript: Transcript, patience: Patience) -> Account:
        if user.account is not None and user.account.is_active:
            return user.account
        if user.has_several_accounts:
            raise CouldNotRun(f"{user.label} has several accounts, and core trades only on a user's only one")
        if Effects.ACCOUNT not in self._target.allowed_effects:
            raise CouldNotRun(f"{user.label} has no active account, and none is provisioned on a "
                              f"{self._target.target_class} target")  # fmt: skip
        self._refuse_known_failure("account")
        try:
            user.account = await provision(self._client, user, self.fresh_credentials(), transcript, patience)
        except PrerequisiteFailed as problem:
            self._broken["account"] = str(problem)
            raise
        return user.account

    def _refuse_known_failure(self, what: str) -> None:
        """Do not wait again for what the gateway has already failed to make."""
        if what in self._broken:
            raise PrerequisiteFailed(self._broken[what])

    def _bad_account(self) -> Credentials:
        if self._target.bad_account is not None:
            return self._target.bad_account
        if self._target.is_sandbox:
            login = str(10_000_000 + secrets.randbelow(90_000_000))
            return Credentials(login, "invalid", "Conformance-Demo")
        raise CouldNotRun("no refused MT5 credentials are given (--bad-account LOGIN:PASSWORD@SERVER)")
