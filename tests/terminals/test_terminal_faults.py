"""Whatever goes wrong, every provider gives an answer that the book agrees with, trades once, and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import pytest

from reference_server.domain.errors import OutcomeUnknown, TerminalUnavailable
from reference_server.domain.events import ConnectionChanged, OrderSettled, PositionChanged
from reference_server.domain.trading import NewOrder, OrderResult, OrderType, PositionChange, Side
from reference_server.usecases.ports import Terminal
from tests.terminals.fakes import Desk
from tests.terminals.providers import WorkerDesk

BUY = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, comment="mine")
OWN_MAGIC = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, comment="mine", magic=77)
FILLED, REFUSED, UNKNOWN, UNAVAILABLE = "filled", "refused", "unknown", "unavailable"

AnyDesk = Desk | WorkerDesk


class Account:
    """A terminal that is opened again when it dies, as the gateway does."""

    def __init__(self, desk: AnyDesk) -> None:
        self.desk = desk
        self.terminal: Terminal
        self._deaths = 0

    async def open(self) -> None:
        self.terminal = await self.desk.open()

    async def outcome(self, trade: Awaitable[OrderResult]) -> tuple[str, OrderResult | None]:
        """What a trade comes to, while a terminal that dies is replaced."""
        sending = asyncio.ensure_future(trade)
        is_over = asyncio.Event()
        watching = asyncio.create_task(self._replace_the_dead(is_over))
        try:
            async with asyncio.timeout(20):
                result = await sending
        except OutcomeUnknown:
            return UNKNOWN, None
        except TerminalUnavailable:
            return UNAVAILABLE, None
        finally:
            is_over.set()
            await watching  # a replacement that has begun comes to its end
        return (FILLED if result.success else REFUSED), result

    async def settle(self) -> None:
        """Let the time pass that faults last, and have a terminal that lives."""
        self.desk.pass_time(3)
        async with asyncio.timeout(20):
            while True:
                if await self._lives():
                    return
                await asyncio.sleep(0.005)

    async def _lives(self) -> bool:
        """Whether the terminal answers; one that does not is replaced once its poller has said so."""
        if self._is_dead():
            await self._replace()
        try:
            await self.terminal.account_info()
        except TerminalUnavailable:
            return False
        return True

    async def _replace_the_dead(self, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            if self._is_dead():
                await self._replace()
            with suppress(TimeoutError):
                await asyncio.wait_for(is_over.wait(), 0.005)

    def _is_dead(self) -> bool:
        return sum(not event.alive for event in self.desk.heard.of(ConnectionChanged)) > self._deaths

    async def _replace(self) -> None:
        self._deaths = sum(not event.alive for event in self.desk.heard.of(ConnectionChanged))
        await self.terminal.close()
        self.terminal = await self.desk.open()


@pytest.fixture
async def account(desk: AnyDesk) -> Account:
    account = Account(desk)
    await account.open()
    return account


def refusals(*retcodes: int) -> list[Any]:
    return [pytest.param({"kind": "refuse", "retcode": code}, {REFUSED}, 0, id=f"refuse-{code}") for code in retcodes]


PLACING = [
    *refusals(10006, 10018, 10019, 10024, 10031, 10046),
    pytest.param({"kind": "refuse", "retcode": 10011}, {UNKNOWN}, 0, id="refuse-10011"),
    pytest.param({"kind": "refuse", "retcode": 10030}, {FILLED}, 1, id="another-filling-mode"),
    pytest.param({"kind": "requote"}, {REFUSED}, 0, id="requote"),
    pytest.param({"kind": "fail", "code": -8}, {UNAVAILABLE}, 0, id="api-disabled"),
    pytest.param({"kind": "fail", "code": -1}, {UNKNOWN}, 0, id="call-failed"),
    pytest.param({"kind": "delay", "ms": 30}, {FILLED}, 1, id="delay-before"),
    pytest.param({"kind": "delay", "ms": 30, "when": "after"}, {FILLED}, 1, id="delay-after"),
    pytest.param({"kind": "partial_fill", "fraction": 0.5}, {FILLED}, 1, id="partial_fill"),
    pytest.param({"kind": "answer_lost"}, {FILLED}, 1, id="answer_lost"),
    pytest.param({"kind": "timeout_executed"}, {FILLED}, 1, id="timeout_executed"),
    pytest.param({"kind": "timeout_not_executed"}, {UNKNOWN}, 0, id="timeout_not_executed"),
    pytest.param({"kind": "pipe_break"}, {UNKNOWN}, 0, id="pipe_break"),
    pytest.param({"kind": "crash", "when": "before"}, {UNKNOWN}, 0, id="crash-before"),
    pytest.param({"kind": "crash", "when": "after"}, {FILLED}, 1, id="crash-after"),
    pytest.param({"kind": "disconnect", "call": "order_send", "ms": 1000}, {REFUSED}, 0, id="disconnect"),
    pytest.param({"kind": "late_visibility", "ms": 1000}, {FILLED}, 1, id="late_visibility"),
    pytest.param({"kind": "rewrite_comment", "keep": 3}, {FILLED}, 1, id="rewrite_comment"),
    pytest.param({"kind": "placed_then_filled", "ms": 1000}, {FILLED}, 1, id="placed_then_filled"),
]
FOR_THE_COMMENT = [case for case in PLACING if case.id in ("answer_lost", "timeout_executed", "rewrite_comment")]
"""Faults that may differ for an order whose tag is in its comment."""


def placing(order: NewOrder, cases: list[Any]) -> list[Any]:
    where = "comment" if order.magic else "magic"
    return [pytest.param(order, *case.values, id=f"{case.id}-tag-in-{where}") for case in cases]


@pytest.mark.parametrize(
    ("order", "fault", "outcomes", "executions"), [*placing(BUY, PLACING), *placing(OWN_MAGIC, FOR_THE_COMMENT)]
)
async def test_an_order_is_answered_truly_executed_once_told_once_and_the_account_goes_on(
    desk: AnyDesk, account: Account, order: NewOrder, fault: dict[str, Any], outcomes: set[str], executions: int
) -> None:
    desk.fault(fault)
    outcome, result = await account.outcome(account.terminal.place_order(order))
    assert outcome in outcomes | given_up(desk, fault)
    await account.settle()
    book = await account.terminal.positions()
    assert len(book) == executions
    for position in book:
        assert (position.magic, position.symbol, position.side) == (order.magic, "EURUSD", Side.BUY)
        assert "~^" not in position.comment
        if result is not None:
            assert result.ticket == position.ticket
            assert result.volume in (position.volume, 0.0), "0 of an order that is only placed"

    recovery = await account.terminal.place_order(order)
    assert recovery.success
    assert len(await account.terminal.positions()) == executions + 1
    await desk.heard.first(
        PositionChanged, lambda event: (event.change, event.position.ticket) == ("opened", recovery.ticket)
    )
    await desk.heard.first(OrderSettled, lambda _: len(deals_told(desk)) > executions)
    assert len(deals_told(desk)) == len(set(deals_told(desk))) == executions + 1
    opened = [event.position.ticket for event in desk.heard.of(PositionChanged) if event.change == "opened"]
    assert sorted(opened) == sorted([*(position.ticket for position in book), recovery.ticket])


def deals_told(desk: AnyDesk) -> list[int]:
    return [event.result.deal for event in desk.heard.of(OrderSettled) if event.result.deal]


def given_up(desk: AnyDesk, fault: dict[str, Any]) -> set[str]:
    """On the event loop a terminal that died is not opened again in time: thirty seconds of its clock pass at once."""
    return {UNKNOWN} if isinstance(desk, Desk) and fault["kind"] in ("answer_lost", "crash") else set()


LOST = [
    pytest.param({"kind": "answer_lost"}, id="answer_lost"),
    pytest.param({"kind": "timeout_executed"}, id="timeout_executed"),
    pytest.param({"kind": "crash", "when": "after"}, id="crash-after"),
]


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("volume", [None, 0.04])
@pytest.mark.parametrize("order", [BUY, OWN_MAGIC], ids=["tag-in-magic", "tag-in-comment"])
async def test_a_close_whose_answer_is_lost_is_found_and_not_made_twice(
    desk: AnyDesk, account: Account, order: NewOrder, volume: float | None, fault: dict[str, Any]
) -> None:
    ticket = (await account.terminal.place_order(order)).ticket
    desk.pass_time(1)
    desk.fault(fault)
    outcome, result = await account.outcome(account.terminal.close_position(ticket, volume))
    assert outcome in {FILLED} | given_up(desk, fault)
    assert result is None or (result.ticket, result.volume, result.price) == (ticket, volume or 0.1, 1.1)
    await account.settle()
    left = [position.volume for position in await account.terminal.positions()]
    assert left == ([] if volume is None else [0.06])


@pytest.mark.parametrize("fault", LOST)
async def test_a_modification_whose_answer_is_lost_is_found(
    desk: AnyDesk, account: Account, fault: dict[str, Any]
) -> None:
    ticket = (await account.terminal.place_order(BUY)).ticket
    desk.fault(fault)
    outcome, result = await account.outcome(account.terminal.modify_position(PositionChange(ticket, sl=1.09)))
    assert outcome in {FILLED} | given_up(desk, fault)
    assert result is None or result.ticket == ticket
    await account.settle()
    assert (await account.terminal.position(ticket)).sl == 1.09


async def test_a_position_that_does_not_show_yet_is_not_called_closed(desk: AnyDesk, account: Account) -> None:
    desk.fault({"kind": "late_visibility", "ms": 1000})
    ticket = (await account.terminal.place_order(BUY)).ticket
    with pytest.raises(TerminalUnavailable):
        await account.terminal.close_position(ticket, None)
    desk.pass_time(1.5)
    assert (await account.terminal.close_position(ticket, None)).success
