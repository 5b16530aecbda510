"""Call operations of the contract as a well-behaved client: paced, patient on 429, and keeping book of creations."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from conformance.contract import ACCOUNT_HEADER, Contract
from conformance.errors import CouldNotRun, HarnessFault
from conformance.exchange import Exchange, Headers, Transcript, header_value
from conformance.holdings import Holdings, User
from conformance.pacing import Pacer
from conformance.target import TargetConfig
from conformance.wire import Outgoing, Wire

__all__ = ["Client", "Patience", "account_headers"]

REGISTRATIONS_PER_MINUTE = 60
"""What the reference gateway allows one client address by default."""

LONGEST_WAIT_SECONDS = 65.0
"""A request-rate window is a minute; a gateway that asks for more is out of its daily quota, not of its rate."""

PATIENT_ATTEMPTS = 3


def account_headers(user: User | None) -> Headers:
    """Return the header that selects the account of a user with several; none for others."""
    if user is None or user.account is None or not user.has_several_accounts:
        return ()
    return ((ACCOUNT_HEADER, user.account.id),)


class Patience:
    """Adds up the time a check spends waiting for the plan's rate, which does not count against its deadline."""

    def __init__(self, spend: Callable[[float], None] | None = None) -> None:
        self.waited_seconds = 0.0
        self._spend = spend

    async def wait(self, seconds: float) -> None:
        """Wait, and let whoever measures the check know."""
        self.waited_seconds += seconds
        if self._spend is not None:
            self._spend(seconds)
        await asyncio.sleep(seconds)


class Client:
    """The one way by which checks and fixtures talk HTTP to the target."""

    def __init__(self, target: TargetConfig, wire: Wire, contract: Contract, holdings: Holdings) -> None:
        self.target = target
        self.wire = wire
        self.contract = contract
        self.holdings = holdings
        self._registrations = Pacer(wire.clock, REGISTRATIONS_PER_MINUTE)

    async def call(
        self,
        operation: str,
        transcript: Transcript,
        *,
        user: User | None = None,
        api_key: str | None = None,
        body: Any = None,
        path: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        headers: Headers = (),
        valid: bool = True,
        selects: bool = True,
        paced: bool = True,
        timeout_seconds: float | None = None,
        began: float | None = None,
        patience: Patience | None = None,
    ) -> Exchange:
        """Call an operation. With `valid` a body that the contract forbids is a HarnessFault: it was not meant.

        For a user with several accounts `X-Account-ID` names the one that the suite uses, unless the headers name one
        or `selects` is false.
        `paced` waits for the plan's rate and repeats what was answered 429; without it every answer is handed back.
        Raises NoAnswer, HarnessFault, CouldNotRun (a budget or a plan's daily quota is used up).
        """
        described = self.contract.operation(operation)
        path = path or {}
        if valid:
            problem = self.contract.request_problem(described, body)
            if problem is not None:
                raise HarnessFault(f"the suite was about to send an invalid {operation} request: {problem}")
        key = user.api_key if user is not None else api_key
        if selects and described.takes_account and header_value(headers, ACCOUNT_HEADER) is None:
            headers = (*headers, *account_headers(user))
        sent = headers if key is None else (("X-API-Key", key), *headers)
        data = None
        if body is not None:
            data = orjson.dumps(body)
            sent = (*sent, ("Content-Type", "application/json"))
        target = described.target(path) + (f"?{urlencode(query)}" if query else "")
        outgoing = Outgoing(
            described.method, target, sent, data, operation, user.label if user else "anonymous", timeout_seconds
        )
        if user is None and api_key is not None:
            user = self.holdings.user_of_key(api_key)
        self.holdings.before(operation, user, body)
        exchange = await self._deliver(outgoing, transcript, user, paced, began, patience or Patience())
        self.holdings.after(exchange, user, body, path)
        return exchange

    async def send(
        self,
        outgoing: Outgoing,
        transcript: Transcript,
        *,
        user: User | None = None,
        paced: bool = True,
        began: float | None = None,
        patience: Patience | None = None,
    ) -> Exchange:
        """Send any request, however malformed, as it is. Raises NoAnswer."""
        return await self._deliver(outgoing, transcript, user, paced, began, patience or Patience())

    async def _deliver(
        self,
        outgoing: Outgoing,
        transcript: Transcript,
        user: User | None,
        paced: bool,
        began: float | None,
        patience: Patience,
    ) -> Exchange:
        pacer = user.pacer if user is not None else None
        if pacer is None and outgoing.operation == "createUser":
            pacer = self._registrations
        for attempt in range(1, PATIENT_ATTEMPTS + 1):
            self._count_request()
            if pacer is not None:
                seconds = pacer.wait_seconds()
                if paced and seconds > 0:
                    await patience.wait(seconds)
                pacer.count()
            exchange = await self.wire.send(outgoing, transcript, began)
            if exchange.status != 429 or not paced or attempt == PATIENT_ATTEMPTS:
                return exchange
            await self._obey(exchange, pacer, patience)
        raise AssertionError("unreachable")

    async def _obey(self, exchange: Exchange, pacer: Pacer | None, patience: Patience) -> None:
        """Wait as long as a 429 says. Raises CouldNotRun when that is longer than a request-rate window."""
        header = exchange.header("Retry-After") or ""
        seconds = float(header) if header.isdigit() else 1.0
        if seconds > LONGEST_WAIT_SECONDS:
            raise CouldNotRun(f"the gateway asks to wait {seconds:g} s: the plan's daily quota is used up")
        if pacer is not None:
            pacer.hold(seconds)
        await patience.wait(seconds)

    def _count_request(self) -> None:
        if self.wire.sent >= self.target.budgets.requests:
            raise CouldNotRun(f"the run's budget of {self.target.budgets.requests} requests is used up")
