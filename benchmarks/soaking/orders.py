"""Orders at a steady rate, each with a key and a magic number of its own, some of them sent twice."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from benchmarks.fuzzing.answers import HttpAnswer
from benchmarks.fuzzing.wire import Wire
from benchmarks.soaking.ground import TradingAccount
from benchmarks.soaking.minutes import Minutes
from benchmarks.soaking.plan import SoakPlan

FIRST_MAGIC: Final = 1_000_000_000
SYMBOL: Final = "EURUSD"
_BETWEEN_SECONDS: Final = 0.1


@dataclass(slots=True)
class OrderBook:
    """What was sent for one account and what came of it, by magic number."""

    accepted: dict[int, int] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    unanswered: list[int] = field(default_factory=list)
    resent: int = 0
    wrong: list[str] = field(default_factory=list)
    sent: int = 0
    repeated: int = 0
    doubled: int = 0
    in_flight: int = 0
    late: int = 0


class Trader:
    """Sends the orders of one account, over several connections."""

    def __init__(self, port: int, account: TradingAccount, plan: SoakPlan, number: int, minutes: Minutes) -> None:
        self._port = port
        self._account = account
        self._plan = plan
        self._number = number
        self._minutes = minutes
        self._random = Random(f"soak:{number}")
        self._idle: asyncio.Queue[Wire] = asyncio.Queue()
        self.book = OrderBook()

    async def run(self) -> None:
        """Send orders until the time is over, and wait for every answer."""
        plan = self._plan
        for _ in range(plan.connections_each):
            self._idle.put_nowait(await Wire.open(self._port, plan.answer_seconds))
        rate = plan.orders_per_second / plan.accounts
        began = time.perf_counter() + self._number / plan.orders_per_second  # so that accounts take turns
        try:
            async with asyncio.TaskGroup() as tasks:
                for count in range(max(2, int(rate * plan.seconds) // 2 * 2)):
                    due = began + count / rate
                    if (delay := due - time.perf_counter()) > 0:
                        await asyncio.sleep(delay)
                    elif count / rate - delay > plan.seconds:
                        break  # the time is over: a rate that was not held is told, not made up for
                    wire = await self._idle.get()
                    self.book.late += time.perf_counter() - due > 0.1
                    tasks.create_task(self._order(wire, count, due))
        finally:
            while not self._idle.empty():
                self._idle.get_nowait().abort()

    async def _order(self, wire: Wire, count: int, due: float) -> None:
        magic = FIRST_MAGIC * (self._number + 1) + count
        request = self._request(magic, "buy" if count % 2 == 0 else "sell")
        chance = self._random.random()
        second = None
        if chance < self._plan.doubled_share:
            second = asyncio.ensure_future(self._again(request))
            self.book.doubled += 1
        self.book.sent += 1
        sent = time.perf_counter()
        answer = await self._exchange(wire, request)
        is_resent = answer is None or answer.status == 503
        if is_resent:
            self.book.resent += 1
            answer = await self._insist(request)
        self._minutes.order(time.perf_counter() - due, time.perf_counter() - sent)
        is_doubled = second is not None or is_resent
        is_settled = answer is not None and self._settle(magic, answer, is_doubled=is_doubled)
        if second is not None and (other := await second) is not None:
            self._compare(magic, other, may_be_in_flight=is_settled, may_be_first=not is_settled)
            is_settled = True
        if not is_settled and magic not in self.book.accepted:
            self.book.unanswered.append(magic)
        if (
            answer is not None
            and self._plan.doubled_share <= chance < self._plan.doubled_share + self._plan.repeated_share
        ):
            self.book.repeated += 1
            repeat = await self._again(request)
            if repeat is not None:
                self._compare(magic, repeat, may_be_in_flight=False, may_be_first=False)

    def _settle(self, magic: int, answer: HttpAnswer, *, is_doubled: bool) -> bool:
        """Note the outcome of an answer; False for the one of two that came too early to have it."""
        value = _document(answer)
        if answer.status == 200 and value.get("success") is True:
            self.book.accepted[magic] = value["ticket"]
            if "idempotency-replayed" in answer.headers and not is_doubled:
                self.book.wrong.append(f"{magic}: a first answer says that it is a repetition")
        elif answer.status == 200:
            self.book.refused[magic] = str(value.get("error"))
        elif is_doubled and answer.status == 409 and value.get("reason") == "idempotency_key_in_flight":
            self.book.in_flight += 1
            return False
        else:
            self.book.wrong.append(f"{magic}: {answer.status} {answer.body[:200]!r}")
        return True

    def _compare(self, magic: int, answer: HttpAnswer, *, may_be_in_flight: bool, may_be_first: bool) -> None:
        """Judge the answer to a request that was sent twice."""
        value = _document(answer)
        if may_be_in_flight and answer.status == 409 and value.get("reason") == "idempotency_key_in_flight":
            self.book.in_flight += 1
        elif may_be_first:
            self._settle(magic, answer, is_doubled=False)
        elif answer.status != 200 or value.get("ticket") != self.book.accepted.get(magic, 0):
            self.book.wrong.append(f"{magic}: repeated, it was answered {answer.status} {answer.body[:200]!r}")

    async def _insist(self, request: bytes) -> HttpAnswer | None:
        """Send a request again that was not answered or could not be served, as a client does, until it has an answer.

        A server may close a connection on which nothing came for a while just as a request is on its way, and says 503
        while it cannot write a request down. The key is what makes it safe to send it again.
        """
        deadline = time.perf_counter() + self._plan.answer_seconds
        while time.perf_counter() < deadline:
            answer = await self._again(request)
            if answer is not None and not _must_wait(answer):
                return answer
            await asyncio.sleep(_BETWEEN_SECONDS)
        return None

    async def _again(self, request: bytes) -> HttpAnswer | None:
        """Send a request a second time, on a connection of its own."""
        wire = await Wire.open(self._port, self._plan.answer_seconds)
        try:
            return await _answer(wire, request)
        finally:
            wire.abort()

    async def _exchange(self, wire: Wire, request: bytes) -> HttpAnswer | None:
        answer = await _answer(wire, request)
        if answer is None or answer.closes or wire.has_ended:
            wire.abort()
            wire = await Wire.open(self._port, self._plan.answer_seconds)
        elif wire.rest:
            self.book.wrong.append(f"more than one answer: {wire.rest[:200]!r}")
        self._idle.put_nowait(wire)
        return answer

    def _request(self, magic: int, side: str) -> bytes:
        order = {"symbol": SYMBOL, "side": side, "orderType": "market", "volume": 0.01, "magic": magic}
        body = json.dumps(order).encode("ascii")
        head = (
            "POST /api/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-API-Key: {self._account.key}\r\nX-Account-ID: {self._account.account_id}\r\n"
            f"Idempotency-Key: soak-{magic}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("ascii") + body


def _must_wait(answer: HttpAnswer) -> bool:
    """Whether a request has no outcome yet, or was not done and may be sent again."""
    return answer.status == 503 or (answer.status == 409 and b"idempotency_key_in_flight" in answer.body)


async def _answer(wire: Wire, request: bytes) -> HttpAnswer | None:
    wire.write(request)
    try:
        return await wire.answer()
    except (TimeoutError, EOFError, OSError):
        return None


def _document(answer: HttpAnswer) -> dict[str, Any]:
    value = json.loads(answer.body)
    return value if isinstance(value, dict) else {}
