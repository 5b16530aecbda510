"""What a check works with: its fixtures, the wire, and the assertions that become findings."""

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any, Never, TypeVar
from urllib.parse import quote

import orjson

from conformance.client import Client, Patience
from conformance.contract import Contract
from conformance.errors import CheckStopped, CouldNotRun, HarnessFault, NotApplicable
from conformance.exchange import Exchange, Headers, Transcript
from conformance.holdings import Account, User
from conformance.outcomes import Finding, Tally
from conformance.requirements import Requirement
from conformance.stream import Message, Stream, handshake, open_stream
from conformance.target import Credentials, TargetConfig
from conformance.wire import Outgoing
from conformance.world import Fixtures

__all__ = ["CheckContext"]

LONGEST_SHOWN = 500

T = TypeVar("T")


class CheckContext:
    """Handed to each check as `run`. Assertions are recorded; the check goes on after one that does not hold, unless
    it was made with a `require` method."""

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
        self.random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.transcript = transcript
        self.findings: list[Finding] = []
        self.tallies: dict[str, Tally] = {}
        self.streams: list[Stream] = []
        self._client = client
        self._requirements = {row.id: row for row in requirements}
        self._fixtures = fixtures
        self._began = began
        self._patience = patience

    # -- what the check was given --------------------------------------------------------------------------------------

    @property
    def target(self) -> TargetConfig:
        """Return the target's configuration."""
        return self._client.target

    @property
    def contract(self) -> Contract:
        """Return the contract, narrowed to what the gateway claims."""
        return self._client.contract

    @property
    def clock(self) -> Callable[[], float]:
        """Return the monotonic clock, in seconds."""
        return self._client.wire.clock

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
        paced: bool = True,
        timeout_seconds: float | None = None,
    ) -> Exchange:
        """Call an operation of the contract by its operationId.

        As `user`; with `api_key` instead, any key; `anonymous`, none. By default as the check's user, or without a key
        where the operation is public. A body that the contract forbids must be announced with `valid=False`. With
        `paced=False` a 429 is handed back instead of being waited for. Raises NoAnswer, CouldNotRun.
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
        sent = headers if user is None else (("X-API-Key", user.api_key), *headers)
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
            api_key = (user or self._fixtures.user or self._fixtures.disposable_user or self.user).api_key
        if in_query:
            return (), {**(query or {}), "api_key": api_key}
        return (("X-API-Key", api_key),), dict(query or {})

    async def pause(self, seconds: float) -> None:
        """Let time pass where the thing to be seen is that something does *not* happen; counts as patience."""
        await self._patience.wait(seconds)

    # -- assertions ----------------------------------------------------------------------------------------------------

    def expect(
        self,
        condition: bool,
        requirement: str,
        message: str,
        *,
        expected: object = None,
        found: object = None,
        at: Exchange | None = None,
    ) -> bool:
        """Assert that `condition` holds because `requirement` says so; return it.

        `message` says what is wrong when it does not hold; `at` is the exchange that shows it (the latest by default).
        """
        row = self._requirements.get(requirement)
        if row is None:
            raise HarnessFault(f"the check asserts {requirement}, which it does not declare")
        tally = self.tallies.get(requirement, Tally())
        if condition:
            self.tallies[requirement] = Tally(tally.held + 1, tally.broken)
            return True
        self.tallies[requirement] = Tally(tally.held, tally.broken + 1)
        number = at.number if at is not None else self._latest()
        self.findings.append(Finding(requirement, row.level, message, _shown(expected), _shown(found), number))
        return False

    def require(
        self,
        condition: bool,
        requirement: str,
        message: str,
        *,
        expected: object = None,
        found: object = None,
        at: Exchange | None = None,
    ) -> None:
        """Assert like `expect`, and end the check when it does not hold, because its next steps build on it."""
        if not self.expect(condition, requirement, message, expected=expected, found=found, at=at):
            raise CheckStopped(message)

    def expect_status(self, exchange: Exchange, *statuses: int, requirement: str, message: str | None = None) -> bool:
        """Assert that the answer has one of the statuses."""
        wanted = " or ".join(map(str, statuses))
        return self.expect(
            exchange.status in statuses,
            requirement,
            message or f"{exchange.request.method} {_path(exchange)} was not answered {wanted}",
            expected=wanted,
            found=f"{exchange.status} {_excerpt(exchange)}",
            at=exchange,
        )

    def require_status(self, exchange: Exchange, *statuses: int, requirement: str, message: str | None = None) -> None:
        """Assert like `expect_status`, and end the check when it does not hold."""
        if not self.expect_status(exchange, *statuses, requirement=requirement, message=message):
            raise CheckStopped("status")

    def expect_valid(self, exchange: Exchange, requirement: str) -> bool:
        """Assert that the answer is one that the contract allows for its operation."""
        problem = self.contract.response_problem(exchange)
        return self.expect(
            problem is None, requirement, f"the answer breaks the contract: {problem}", found=_excerpt(exchange),
            at=exchange,
        )  # fmt: skip

    def expect_message(self, message: Message | None, requirement: str, wanted: str, within: float) -> bool:
        """Assert that an awaited message came, and that the contract allows it."""
        if not self.expect(
            message is not None, requirement, f"{wanted} did not come within {within:g} s", expected=wanted
        ):
            return False
        problem = self.contract.incoming_message_problem(message)
        return self.expect(problem is None, requirement, f"the message breaks the contract: {problem}", found=message)

    def require_message(self, message: Message | None, requirement: str, wanted: str, within: float) -> Message:
        """Assert like `expect_message`, return the message, and end the check when none came."""
        self.expect_message(message, requirement, wanted, within)
        if message is None:
            raise CheckStopped(wanted)
        return message

    def not_applicable(self, reason: str) -> Never:
        """End the check: it says nothing about this gateway."""
        raise NotApplicable(reason)

    def could_not_run(self, reason: str) -> Never:
        """End the check: it applies, but lacks something that is not the gateway's fault."""
        raise CouldNotRun(reason)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _latest(self) -> int | None:
        return self.transcript.entries[-1].number if self.transcript.entries else None

    @staticmethod
    def _given(value: T | None, name: str) -> T:
        if value is None:
            raise HarnessFault(f"the check uses {name} without declaring it in needs")
        return value


def _path(exchange: Exchange) -> str:
    return "/" + exchange.request.url.split("/", 3)[-1].partition("?")[0]


def _excerpt(exchange: Exchange) -> str:
    return exchange.response.body[:200].decode(errors="replace")


def _shown(value: object) -> str | None:
    if value is None or isinstance(value, str):
        text = value
    else:
        try:
            text = orjson.dumps(value).decode()
        except TypeError:
            text = str(value)
    return text if text is None or len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
