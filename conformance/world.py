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
    {
        "user",
        "second_user",
        "account",
        "second_account",
        "two_accounts",
        "disposable_user",
        "disposable_account",
        "bad_account",
    }
)
"""What a check can ask for in `needs`, besides capabilities.

user                a user with a key
second_user         another user
account             an active account of `user`
second_account      an active account of `second_user`
two_accounts        two active accounts of `user`; only where the gateway claims `account-selection`
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

    async def acquire(
        self,
        needs: frozenset[str],
        trades: int,
        transcript: Transcript,
        patience: Patience,
        *,
        second_trades: int = 0,
    ) -> Fixtures:
        """Provide what a check needs. Raises CouldNotRun when it cannot be had here, PrerequisiteFailed when the
        gateway could not make it."""
        async with self._one_at_a_time:
            return await self._acquire(needs, (trades, second_trades), transcript, patience)

    async def _acquire(
        self, needs: frozenset[str], wanted_trades: tuple[int, int], transcript: Transcript, patience: Patience
    ) -> Fixtures:
        trades, second_trades = wanted_trades
        with_account = "account" in needs
        user = second = disposable = None
        if "two_accounts" in needs:
            user = await self._with_two_accounts(trades, transcript, patience)
        elif needs & {"user", "account"}:
            user = await self._shared(with_account, trades, None, transcript, patience)
        if needs & {"second_user", "second_account"}:
            second = await self._shared("second_account" in needs, second_trades, user, transcript, patience)
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

    async def _with_two_accounts(self, trades: int, transcript: Transcript, patience: Patience) -> User:
        """Return a user with two active accounts, the second made for it where that is allowed.

        A user who has them is taken first, then one whose plan allows them, then a new one. From then on the suite
        names the account in each call for that user, so that other checks may go on using it.
        """
        known = [user for user in self._client.holdings.users if not user.is_disposable]
        having = [user for user in known if user.second_account is not None and user.second_account.is_active]
        suitable = [user for user in having if self._fits(user, True, trades)]
        rested = [user for user in suitable if user.pacer.free >= ENOUGH_REQUESTS]
        if rested:
            return rested[0]
        if suitable and not self._may_create_user():
            return max(suitable, key=lambda user: user.pacer.free)
        roomy = [user for user in known if user not in having and not user.has_several_accounts]
        for user in sorted(roomy, key=lambda user: not (user.account is not None and user.account.is_active)):
            if await self._gets_second_account(user, trades, transcript, patience):
                return user
        user = await self._new_user(transcript, patience)
        if await self._gets_second_account(user, trades, transcript, patience):
            return user
        raise CouldNotRun("the plan of a new user allows only one account: give the key of a user whose plan allows "
                          "two (--api-key)")  # fmt: skip

    async def _gets_second_account(
        self, user: User, trades: int, transcript: Transcript, patience: Patience
    ) -> bool:  # fmt: skip
        """Provision what a user lacks of two accounts; say whether it has them then. Raises CouldNotRun."""
        if not self._may_have_two(user) or user.trades_left() < trades:
            return False
        await self._give_account(user, transcript, patience)
        if Effects.ACCOUNT not in self._target.allowed_effects:
            raise CouldNotRun(f"{user.label} has only one account, and none is provisioned on a "
                              f"{self._target.target_class} target")  # fmt: skip
        try:
            second = await provision(self._client, user, self.fresh_credentials(), transcript, patience)
        except CouldNotRun:
            if self._may_have_two(user):
                raise
            return False
        user.second_account, user.has_several_accounts = second, True
        return True

    @staticmethod
    def _may_have_two(user: User) -> bool:
        return user.accounts_allowed is None or user.accounts_allowed >= 2

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
