"""Trades whose answer was lost: looked for by their tag until they are found or enough time has passed.

Positions and history show a trade 10 to 1000 ms late, and a request that left may be executed later still, so one look
proves nothing: there are several over a settle time, and more for some minutes. A trade is never sent a second time
here, and never called failed: no trace is OutcomeUnknown.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from reference_server.domain.errors import GatewayError, OutcomeUnknown, TerminalUnavailable
from reference_server.domain.trading import OrderResult
from reference_server.terminals.adapter.tags import Tag
from reference_server.terminals.workers.intents import Intent
from reference_server.usecases.ports import Clock

Look = Callable[[Intent], Awaitable[OrderResult | None]]
"""One look at a terminal: the result, or None without a trace. Raises OutcomeUnknown where it is ambiguous."""

_LEAST_WAIT: Final = 1.0
"""Seconds that a trade waits for its turn, however short the other times are: the trades before it take some."""
_ANSWERED: Final = 10_000
"""Orders remembered for each account."""
_FOUND: Final = 1000
"""Lost trades that were found, remembered for each account."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciling:
    """How long a lost trade is looked for, in seconds.

    `answering`: how long its caller waits, the reopening of a dead terminal included, and how long another trade waits
    for its turn, which is at least as long as `settling`. `settling`: on a terminal that
    answers, until no trace means unknown; meanwhile no other trade of the account is sent. `watching`: in all, and
    until when a trade may still be executed: an older one is looked for as long as a caller waits, and holds up nobody.
    """

    answering: float = 30.0
    settling: float = 5.0
    watching: float = 300.0
    look_interval: float = 0.25
    watch_interval: float = 5.0


class Remembered(msgspec.Struct, frozen=True):
    """The tickets of all orders of an account that were answered since a moment, UTC."""

    orders: tuple[int, ...]
    since_ms: int


class Lost:
    """One trade without an answer."""

    __slots__ = ("answer", "found", "has_settled", "intent", "is_old")

    def __init__(self, intent: Intent, *, is_old: bool) -> None:
        loop = asyncio.get_running_loop()
        self.intent = intent
        self.is_old = is_old
        """Whether it is too long ago to be executed only now."""
        self.has_settled = False
        self.answer: asyncio.Future[OrderResult] = loop.create_future()
        """For the one who sent it, who does not wait for the end of the watch."""
        self.found: asyncio.Future[OrderResult | None] = loop.create_future()
        """For those who reconcile: None when the watch is over."""

    def end(self, result: OrderResult | None) -> None:
        """Give the sender its answer, unless it has one: None is OutcomeUnknown."""
        if self.answer.done():
            return
        if result is not None:
            self.answer.set_result(result)
        else:
            self.answer.set_exception(OutcomeUnknown())
            self.answer.exception()  # a caller who left will not retrieve it

    def conclude(self, result: OrderResult | None) -> None:
        """End the search with what was found, or with nothing at the end of the watch."""
        if result is None and not self.has_settled:  # no terminal could be looked at for long enough
            self.abandon()
            return
        self.end(result)
        if not self.found.done():
            self.found.set_result(result)

    def abandon(self) -> None:
        """End the search before anything is known, unless it has ended."""
        self.end(None)
        if not self.found.done():
            self.found.set_exception(TerminalUnavailable("The trade could not be looked for long enough: ask again."))
            self.found.exception()  # perhaps nobody reconciles


class Unsettled:
    """The lost trades of one account; outlives its terminals."""

    def __init__(self, clock: Clock, times: Reconciling | None = None) -> None:
        self._clock = clock
        self._times = times or Reconciling()
        self._lost: dict[Lost, asyncio.Task[None]] = {}
        self._found: dict[Tag, Lost] = {}
        self._looks: list[Look] = []
        self._answered: deque[int] = deque(maxlen=_ANSWERED)
        self._since_ms = clock.now_ms()
        self.is_settling = False
        """Whether a lost trade has not been looked for long enough to send another."""

    def answered(self, result: OrderResult) -> None:
        """Note an order that was answered: it is not the one that was lost."""
        if result.order:
            self._answered.append(result.order)

    def remembered(self) -> Remembered | None:
        """What a terminal that is opened now should know of the account's orders; None when nothing is looked for."""
        if not self._lost:
            return None
        if len(self._answered) == _ANSWERED:  # the oldest are forgotten: nothing is known of a time before
            return None
        return Remembered(tuple(self._answered), self._since_ms)

    def attach(self, look: Look) -> None:
        """Look at this terminal from now on."""
        self._looks.append(look)

    def detach(self, look: Look) -> None:
        """Look at this terminal no longer. Safe to call twice."""
        if look in self._looks:
            self._looks.remove(look)

    def found(self, intent: Intent, tag: Tag) -> asyncio.Future[OrderResult | None]:
        """Give what the search for the trade with this tag finds or has found; begin one for it if there is none.

        None is its result when the watch is over without a trace, TerminalUnavailable when it could not be looked for.
        """
        lost = next((lost for lost in self._lost if lost.intent.tag == tag), None)
        if lost is None:
            is_old = self._clock.now_ms() - intent.since_ms > self._times.watching * 1000
            lost = self._found.get(tag) or self.lose(intent, is_old=is_old)
        return lost.found

    def lose(self, intent: Intent, *, is_old: bool = False) -> Lost:
        """Begin to look for a trade that may have been executed."""
        lost = Lost(intent, is_old=is_old)
        self._lost[lost] = asyncio.get_running_loop().create_task(self._follow(lost), name="reconcile")
        self._count()
        return lost

    async def outcome(self, lost: Lost) -> OrderResult:
        """Give the trade's true result. Raises OutcomeUnknown when it is not found in time."""
        return await asyncio.shield(lost.answer)

    def give_up_at(self) -> float:
        """When a trade that begins to wait for its turn now has waited too long, on the monotonic clock."""
        times = self._times
        return self._clock.monotonic() + max(times.answering, times.settling, _LEAST_WAIT)

    async def quiet(self, give_up_at: float) -> None:
        """Wait until no trade is settling. Raises TerminalUnavailable when that takes too long: nothing was done."""
        while self._clock.monotonic() < give_up_at:
            if not self.is_settling:
                return
            await self._clock.sleep(self._times.look_interval)
        raise TerminalUnavailable(
            "Earlier trades of this account have no answer yet: nothing was done.",
            retry_after_seconds=max(1.0, self._times.settling),
        )

    async def close(self) -> None:
        """Look no further; who still waits is told that the outcome is unknown."""
        tasks = list(self._lost.values())
        for lost, task in self._lost.items():
            lost.abandon()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, lost: Lost) -> None:
        try:
            lost.conclude(await self._search(lost))
        except Exception:  # the edge of a task: the caller is told that nobody knows
            _log.exception("the search for a lost trade ended in a defect")
        finally:
            lost.abandon()
            del self._lost[lost]
            self._count()

    async def _search(self, lost: Lost) -> OrderResult | None:
        """Look until it is found or no longer worth it; with each new terminal the settle time begins anew."""
        times, clock = self._times, self._clock
        lost_at = clock.monotonic()
        watching = times.answering if lost.is_old else times.watching
        looked_at: Look | None = None
        settled_at = 0.0
        while clock.monotonic() < lost_at + watching:
            look = self._looks[-1] if self._looks else None
            if look is not looked_at:
                looked_at, settled_at = look, clock.monotonic() + times.settling
            if look is not None:
                result, has_answered = await _looked(look, lost.intent)
                if result is not None:
                    _log.warning("a trade whose answer was lost was found: retcode %s", result.retcode)
                    self._keep(lost)
                    return result
                if has_answered and not lost.has_settled and clock.monotonic() >= settled_at:
                    _log.warning("a trade whose answer was lost left no clear trace yet; it stays watched")
                    lost.has_settled = True
                    lost.end(None)
                    self._count()
            if clock.monotonic() >= lost_at + times.answering:
                lost.end(None)
            is_urgent = not (lost.has_settled or lost.is_old)
            await clock.sleep(times.look_interval if is_urgent else times.watch_interval)
        return None

    def _keep(self, lost: Lost) -> None:
        """Remember what was found: an order that is known to be a trade's own is not found for it again."""
        if lost.intent.tag is not None:
            self._found[lost.intent.tag] = lost
            if len(self._found) > _FOUND:
                del self._found[next(iter(self._found))]

    def _count(self) -> None:
        self.is_settling = any(not (lost.has_settled or lost.is_old) for lost in self._lost)


async def _looked(look: Look, intent: Intent) -> tuple[OrderResult | None, bool]:
    """Give what one look found, and whether the terminal answered at all."""
    try:
        return await look(intent), True
    except OutcomeUnknown:
        return None, True
    except GatewayError:
        return None, False
