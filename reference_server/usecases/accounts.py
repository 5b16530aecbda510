"""MT5 accounts of a user: provisioning, status, pausing and deletion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from reference_server.domain.account import Account, AccountState, Mt5Credentials
from reference_server.domain.errors import AccountDeleted
from reference_server.domain.ids import RANDOM_BYTES, new_account_id
from reference_server.domain.nodes import SECRET_BYTES, digest_of, new_secret
from reference_server.domain.user import User
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.completion import Completions
from reference_server.usecases.ports import Clock, Entropy, Seal, Vault
from reference_server.usecases.supervision import Supervisor

AccountEnded = Callable[[str], None]
"""Told the id of an account that is deleted and whose terminal is gone; must not block or raise."""


class AccountUseCases:
    """What a user may do with accounts. Only the user's own ones exist for the user."""

    def __init__(
        self,
        book: AccountBook,
        supervisor: Supervisor,
        vault: Vault,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._book = book
        self._supervisor = supervisor
        self._vault = vault
        self._clock = clock
        self._entropy = entropy
        self._completions = Completions()
        self.on_deleted: list[AccountEnded] = []

    async def create_account(
        self, user: User, credentials: Mt5Credentials, *, region: str | None = None
    ) -> tuple[Account, str]:
        """Provision an account, begin to connect it, and return it with its one-time `auth_token`.

        The token is 32 random bytes, URL-safe; its digest is kept until the account is deleted. With it a node agent
        claims the account. Raises AccountLimitReached. Source: Tonpo docs, "POST /api/accounts".
        """
        now_ms = self._clock.now_ms()
        account = Account(
            account_id=new_account_id(now_ms, self._entropy(RANDOM_BYTES)),
            user_id=user.user_id,
            state=AccountState.CREATED,
            created_at_ms=now_ms,
            region=region,
            mt5_server=credentials.server,
        )
        seal = partial(self._vault.seal, account.account_id, credentials)
        token = new_secret(self._entropy(SECRET_BYTES))
        await self._completions.run(self._provision(account, seal, user.plan.accounts, digest_of(token)))
        return account, token

    async def list_accounts(self, user: User) -> tuple[Account, ...]:
        """All accounts of the user, oldest first, deleted ones included."""
        return await self._book.of_user(user.user_id)

    async def get_account_status(self, user: User, account_id: str) -> Account:
        """One account, in any state. Raises AccountNotFound."""
        return await self._book.get(user.user_id, account_id)

    async def pause_account(self, user: User, account_id: str) -> Account:
        """Block new orders; the connection stays. Again: no change. Raises AccountNotFound, AccountDeleted."""
        return await self._set_paused(user, account_id, paused=True)

    async def resume_account(self, user: User, account_id: str) -> Account:
        """Allow new orders. Again: no change. Raises AccountNotFound, AccountDeleted."""
        return await self._set_paused(user, account_id, paused=False)

    async def delete_account(self, user: User, account_id: str) -> Account:
        """Deprovision for good: erase the credentials with the state, stop the terminal, return the final state.

        Again: the same answer. Goes through also when the caller leaves. Raises AccountNotFound.
        """
        return await self._completions.run(self._deprovision(user.user_id, account_id))

    async def select_account(self, user: User, account_id: str | None = None) -> Account:
        """Choose the account that a request is for. Raises AccountNotFound, AccountAmbiguous, AccountLoginFailed."""
        return await self._book.select_account(user.user_id, account_id)

    async def close(self) -> None:
        """Wait for provisioning and deletion that were begun."""
        await self._completions.close()

    async def _provision(self, account: Account, seal: Seal, limit: int | None, token_digest: bytes) -> None:
        await self._book.add(account, seal, limit=limit, token_digest=token_digest)
        self._supervisor.supervise(account)

    async def _deprovision(self, user_id: str, account_id: str) -> Account:
        account = await self._book.change(user_id, account_id, _deleted)
        await self._supervisor.release(account_id)
        for listener in tuple(self.on_deleted):
            listener(account_id)
        return account

    async def _set_paused(self, user: User, account_id: str, *, paused: bool) -> Account:
        def step(account: Account) -> Account:
            if account.state is AccountState.DELETED:
                raise AccountDeleted
            return replace(account, paused=paused)

        return await self._book.change(user.user_id, account_id, step)


def _deleted(account: Account) -> Account:
    return account if account.state is AccountState.DELETED else account.moved_to(AccountState.DELETED)
