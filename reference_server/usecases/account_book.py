"""Each user's accounts in memory, written through to storage: choosing an account costs no query."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import islice

from reference_server.domain.account import Account, AccountState
from reference_server.domain.errors import AccountAmbiguous, AccountLoginFailed, AccountNotFound, GatewayError
from reference_server.usecases.auditing import Auditor
from reference_server.usecases.completion import Completions
from reference_server.usecases.ports import Accounts, Seal

AccountListener = Callable[[Account], None]
"""Told of each stored change; called on the event loop in the order of the changes; must not block or raise."""

_EVICTIONS_TRIED = 16


class _Shelf:
    """One user's accounts, oldest first. `lock` orders the changes of one user."""

    __slots__ = ("accounts", "counting", "has_refused", "holders", "loaded", "lock")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.holders = 0
        self.loaded = False
        self.fill(())

    def fill(self, accounts: Iterable[Account]) -> None:
        self.accounts = {account.account_id: account for account in accounts}
        self._index()

    def put(self, account: Account) -> None:
        self.accounts[account.account_id] = account
        self._index()

    def get(self, account_id: str) -> Account:
        account = self.accounts.get(account_id)
        if account is None:
            raise AccountNotFound
        return account

    def choose(self, account_id: str | None) -> Account:
        if account_id is not None:
            account = self.get(account_id)
            if account.state is AccountState.DELETED:
                raise AccountNotFound
            if account.state is AccountState.LOGIN_FAILED:
                raise AccountLoginFailed
            return account
        if len(self.counting) == 1:
            return self.counting[0]
        if self.counting:
            raise AccountAmbiguous
        if self.has_refused:
            raise AccountLoginFailed
        raise AccountNotFound("The user has no account: create one first.")

    def _index(self) -> None:
        accounts = self.accounts.values()
        self.counting = tuple(account for account in accounts if account.counts)
        self.has_refused = any(account.state is AccountState.LOGIN_FAILED for account in accounts)


class AccountBook:
    """The one way to read and change accounts. Keeps at most about `capacity` users without a live account."""

    def __init__(self, stored: Accounts, auditor: Auditor, *, capacity: int = 10_000) -> None:
        self._stored = stored
        self._auditor = auditor
        self._capacity = capacity
        self._shelves: dict[str, _Shelf] = {}
        self._completions = Completions()
        self._listeners: list[AccountListener] = []

    def listen(self, listener: AccountListener) -> Callable[[], None]:
        """Tell `listener` of every stored change of any account; return the call that ends it."""
        self._listeners.append(listener)

        def unlisten() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unlisten

    async def select_account(self, user_id: str, account_id: str | None = None) -> Account:
        """Choose the account that a request is for: the named one, else the user's only one.

        Deleted accounts and those that the broker refused do not count. Raises AccountNotFound, AccountAmbiguous,
        AccountLoginFailed. Source: design, capability `account-selection`.
        """
        shelf = self._shelves.get(user_id)
        if shelf is None or not shelf.loaded:
            shelf = await self._load(user_id)
        return shelf.choose(account_id)

    def choose_now(self, user_id: str, account_id: str | None = None) -> Account | None:
        """What `select_account` would choose from what is in memory, None when it would raise."""
        shelf = self._shelves.get(user_id)
        if shelf is None or not shelf.loaded:
            return None
        try:
            return shelf.choose(account_id)
        except GatewayError:
            return None

    async def of_user(self, user_id: str) -> tuple[Account, ...]:
        """All accounts of the user, oldest first, deleted ones included."""
        return tuple((await self._load(user_id)).accounts.values())

    async def get(self, user_id: str, account_id: str) -> Account:
        """One account of the user, in any state. Raises AccountNotFound."""
        return (await self._load(user_id)).get(account_id)

    async def add(self, account: Account, seal: Seal, *, limit: int | None, token_digest: bytes | None = None) -> None:
        """Store a new account with its sealed credentials and its token's digest. Raises AccountLimitReached."""
        await self._completions.run(self._add(account, seal, limit, token_digest))

    async def change(
        self,
        user_id: str,
        account_id: str,
        step: Callable[[Account], Account],
        then: Callable[[], None] | None = None,
    ) -> Account:
        """Store what `step` makes of the account as it is now, and return it.

        `step` is called again when storage had moved on; returning its argument stores nothing; what it raises is
        raised here. `then` is called before anybody else can see the account as it is now, after the listeners, also
        when the caller has left; it must not block or raise. Raises AccountNotFound.
        """
        return await self._completions.run(self._change(user_id, account_id, step, then or _nothing))

    async def close(self) -> None:
        """Wait until every change that was begun is stored."""
        await self._completions.close()

    async def _add(self, account: Account, seal: Seal, limit: int | None, token_digest: bytes | None) -> None:
        entry = self._auditor.account_created(account)
        async with self._held(account.user_id) as shelf:
            try:
                await self._stored.add(account, seal, limit=limit, token_digest=token_digest, entry=entry)
            except BaseException:
                shelf.loaded = False  # whether it was stored is for storage to say
                raise
            shelf.put(account)
            self._tell(account)

    async def _change(
        self, user_id: str, account_id: str, step: Callable[[Account], Account], then: Callable[[], None]
    ) -> Account:
        async with self._held(user_id) as shelf:
            while True:
                before = shelf.get(account_id)
                after = step(before)
                if after == before:
                    then()
                    return before
                try:
                    entry = self._auditor.account_changed(before, after)
                    stored = await self._stored.save(after, expected=before.state, entry=entry)
                    if not stored:
                        shelf.fill(await self._stored.of_user(user_id))
                except BaseException:
                    shelf.loaded = False
                    raise
                if stored:
                    shelf.put(after)
                    self._tell(after)
                    then()
                    return after

    def _tell(self, account: Account) -> None:
        for listener in tuple(self._listeners):
            listener(account)

    async def _load(self, user_id: str) -> _Shelf:
        shelf = self._shelves.get(user_id)
        if shelf is not None and shelf.loaded:
            return shelf
        async with self._held(user_id) as shelf:
            return shelf

    @asynccontextmanager
    async def _held(self, user_id: str) -> AsyncIterator[_Shelf]:
        shelf = self._shelves.get(user_id)
        if shelf is None:
            self._evict()
            shelf = self._shelves[user_id] = _Shelf()
        shelf.holders += 1
        try:
            async with shelf.lock:
                if not shelf.loaded:
                    shelf.fill(await self._stored.of_user(user_id))
                    shelf.loaded = True
                yield shelf
        finally:
            shelf.holders -= 1

    def _evict(self) -> None:
        if len(self._shelves) < self._capacity:
            return
        for user_id in tuple(islice(self._shelves, _EVICTIONS_TRIED)):
            shelf = self._shelves.pop(user_id)
            if not shelf.holders and not shelf.counting:
                return
            self._shelves[user_id] = shelf


def _nothing() -> None:
    """What else is to be done with a change, mostly."""
