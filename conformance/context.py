"""What a check works with: its fixtures, the wire, and the assertions that become findings."""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

from conformance.assertions import Assertions
from conformance.client import Client, Patience, account_headers
from conformance.errors import HarnessFault
from conformance.exchange import Exchange, Headers, Transcript
from conformance.holdings import Account, User
from conformance.requirements import Requirement
from conformance.stream import Stream, handshake, open_stream
from conformance.target import Credentials, TargetConfig
from conformance.wire import Outgoing
from conformance.world import Fixtures

__all__ = ["CheckContext"]

T = TypeVar("T")


class CheckContext(Assertions):
    """Handed to each check as `run`: what it was given, the wire, and its assertions."""

    def __init__(
        self,
        client: Client,
        requirements: tuple[Requirement, ...],
        fixtures: Fixtures,
        transcript: Transcript,
        seed: int,
        began: float,
        patience: Patience,
    ) -> None:
        super().__init__(requirements, client.contract, transcript)
        self.random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.streams: list[Stream] = []
        self._client = client
        self._fixtures = fixtures
        self._began = began
        self._patience = patience

    # -- what the check was given --------------------------------------------------------------------------------------

    @property
    def target(self) -> TargetConfig:
        """Return the target's configuration."""
        return self._client.target

    @property
    def clock(self) -> Callable[[], float]:
        """Return the monotonic clock, in seconds."""
        return self._client.wire.clock

    @staticmethod
    def now_ms() -> int:
        """Return the time of day, ms since the epoch, UTC: a gateway has to be told a time that is ahead of its own."""
        return time.time_ns() // 1_000_000

    @property
    def user(self) -> User:
        """Return the user that the check works as (needs "user" or "account")."""
        return self._given(self._fixtures.user, "user")

    @property
    def account(self) -> Account:
        """Return the active account of `user` (needs "account")."""
        return self._given(self.user.account, "account")

    @property
    def users(self) -> tuple[User, ...]:
        """Return every user that the run knows, given and created."""
        return tuple(self._client.holdings.users)

    @property
    def second_user(self) -> User:
        """Return another user (needs "second_user" or "second_account")."""
        return self._given(self._fixtures.second_user, "second_user")

    @property
    def disposable_user(self) -> User:
        """Return a user made for this check alone (needs "disposable_user" or "disposable_account")."""
        return self._given(self._fixtures.disposable_user, "disposable_user")

    @property
    def disposable_account(self) -> Account:
        """Return the account of `disposable_user` (needs "disposable_account")."""
        return self._given(self.disposable_user.account, "disposable_account")

    @property
    def two_accounts(self) -> tuple[Account, Account]:
        """Return two active accounts of `user`, the first of which is its `account` (needs "two_accounts")."""
        return self.account, self._given(self.user.second_account, "two_accounts")

    @property
    def bad_account(self) -> Credentials:
        """Return MT5 credentials that the broker refuses (needs "bad_account")."""
        return self._given(self._fixtures.bad_account, "bad_account")

    def fresh_credentials(self) -> Credentials:
        """Return MT5 credentials that no account of the run uses. Raises CouldNotRun when there are none left."""
        credentials = self._given(self._fixtures.fresh, "fresh credentials")()
        self._client.holdings.hide(credentials)
        return credentials

    @property
    def symbol(self) -> str:
        """Return the symbol that test orders use."""
        return self.target.symbol

    @property
    def volume(self) -> float:
        """Return the volume of test orders, in lots."""
        return float(self.target.volume)

    def volumes(self, count: int) -> float:
        """Return `count` times the volume of test orders, in lots, without binary rounding."""
        return float(self.target.volume * Decimal(count))

    # -- the wire ------------------------------------------------------------------------------------------------------

    async def call(
        self,
        operation: str,
        *,
        user: User | None = None,
        api_key: str | None = None,
        anonymous: bool = False,
        body: Any = None,
        path: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        headers: Headers = (),
        valid: bool = True,
        selects: bool = True,
        paced: bool = True,
        timeout_seconds: float | None = None,
    ) -> Exchange:
        """Call an operation of the contract by its operationId.

        As `user`; with `api_key` instead, any key; `anonymous`, none. By default as the check's user, or without a key
        where the operation is public. A body that the contract forbids must be announced with `valid=False`. With
        `paced=False` a 429 is handed back instead of being waited for. A user's only account is selected by nothing,
        one of several by `X-Account-ID`, unless `selects` is false. Raises NoAnswer, CouldNotRun.
        """
        public = self.contract.operation(operation).is_public
        if user is None and api_key is None and not anonymous and not public:
            user = self._fixtures.user or self._fixtures.disposable_user or self.user
        return await self._client.call(
            operation,
            self.transcript,
            user=user,
            api_key=api_key,
            body=body,
            path=path,
            query=query,
            headers=headers,
            valid=valid,
            selects=selects,
            paced=paced,
            timeout_seconds=timeout_seconds,
            began=self._began,
            patience=self._patience,
        )

    async def send(
        self,
        method: str,
        path: str,
        *,
        user: User | None = None,
        headers: Headers = (),
        body: bytes | str | None = None,
        operation: str | None = None,
        paced: bool = True,
    ) -> Exchange:
        """Send any request at all, as it is; `path` is relative to the base URL and may hold a query.

        With `operation` the answer is judged as one of that operation. Raises NoAnswer.
        """
        sent = headers if user is None else (("X-API-Key", user.api_key), *account_headers(user), *headers)
        data = body.encode() if isinstance(body, str) else body
        target = quote(path, safe="/?&=%:@!$'()*+,;~-._")
        outgoing = Outgoing(method, target, sent, data, operation, user.label if user else "anonymous")
        return await self._client.send(
            outgoing, self.transcript, user=user, paced=paced, began=self._began, patience=self._patience
        )

    def stream(
        self,
        *,
        user: User | None = None,
        api_key: str | None = None,
        in_query: bool = False,
        anonymous: bool = False,
        query: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> AbstractAsyncContextManager[Stream]:
        """Open the WebSocket: `async with run.stream() as stream`. The key goes into the header, or `in_query`.

        `anonymous` sends none. Raises StreamRefused when the gateway does not accept it, NoAnswer.
        """
        headers, asked = ((), dict(query or {})) if anonymous else self._stream_key(user, api_key, in_query, query)
        name = name or f"socket {len(self.streams) + 1}"
        return open_stream(
            self._client.wire,
            self.contract,
            self.transcript,
            name=name,
            headers=headers,
            query=asked,
            began=self._began,
            opened=self.streams.append,
        )

    async def handshake(
        self,
        *,
        user: User | None = None,
        api_key: str | None = None,
        in_query: bool = False,
        anonymous: bool = False,
        query: Mapping[str, str] | None = None,
    ) -> Exchange:
        """Ask for the WebSocket and return the HTTP answer: 101 (and closed at once), or the refusal with its body."""
        headers, asked = ((), dict(query or {})) if anonymous else self._stream_key(user, api_key, in_query, query)
        return await handshake(
            self._client.wire, self.transcript, headers=headers, query=asked, began=self._began
        )  # fmt: skip

    def _stream_key(
        self, user: User | None, api_key: str | None, in_query: bool, query: Mapping[str, str] | None
    ) -> tuple[Headers, dict[str, str]]:
        if api_key is None:
            user = user or self._fixtures.user or self._fixtures.disposable_user or self.user
            api_key = user.api_key
            if user.has_several_accounts and user.account is not None:
                query = {"account_id": user.account.id, **(query or {})}
        if in_query:
            return (), {**(query or {}), "api_key": api_key}
        return (("X-API-Key", api_key),), dict(query or {})

    async def pause(self, seconds: float) -> None:
        """Let time pass where the thing to be seen is that something does *not* happen; counts as patience."""
        await self._patience.wait(seconds)

    @staticmethod
    def _given(value: T | None, name: str) -> T:
        if value is None:
            raise HarnessFault(f"the check uses {name} without declaring it in needs")
        return value
