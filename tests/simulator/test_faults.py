"""Faults that end a call: what the caller sees, what is in the book, and how it goes on."""

import json
from dataclasses import replace
from typing import Any

import pytest

from reference_server.simulator import ManualClock, SimulatedMetaTrader5
from reference_server.simulator.faults import (
    AnswerLost,
    Crash,
    Disconnect,
    Fail,
    LateVisibility,
    PartialFill,
    PipeBreak,
    PlacedThenFilled,
    Refuse,
    Requote,
    RewriteComment,
    TimeoutExecuted,
    TimeoutNotExecuted,
)
from reference_server.simulator.faults.refusals import REFUSALS
from reference_server.simulator.listing.symbols import load_symbols
from tests.simulator.conftest import Desk, open_desk

BROKEN, NO_CONNECTION = (-10002, "IPC recv failed"), (-10004, "No IPC connection")


def is_untouched(desk: Desk) -> bool:
    """Whether nothing but the deposit was ever booked."""
    account = desk.broker.accounts["TonpoSim-Demo", 42]
    return (len(account.deals), account.positions, account.orders, account.past_orders) == (1, {}, {}, [])


def has_one_position(desk: Desk, volume: float) -> bool:
    """Whether exactly one order was carried out, in full."""
    positions, deals = desk.mt5.positions_get(), desk.deals()
    return ([position.volume for position in positions], [deal.volume for deal in deals]) == ([volume], [0.0, volume])


@pytest.mark.parametrize("retcode", sorted(REFUSALS))
def test_any_refusal_leaves_the_book_alone_and_happens_once(desk: Desk, retcode: int) -> None:
    desk.broker.faults.add(Refuse(retcode=retcode))
    result = desk.buy(magic=7)
    assert (result.retcode, result.deal, result.order, result.volume, result.price) == (retcode, 0, 0, 0.0, 0.0)
    assert result.request.magic == 7
    assert (result.comment != "", desk.mt5.last_error()) == (True, (1, "Success"))
    assert is_untouched(desk)
    assert desk.buy().retcode == 10009
    assert has_one_position(desk, 0.1)


def test_only_answers_of_the_server_have_a_request_id(desk: Desk) -> None:
    desk.broker.faults.add(Refuse(retcode=10016))
    desk.broker.faults.add(Refuse(retcode=10006))
    assert (desk.buy().request_id, desk.buy().request_id, desk.buy().request_id) == (0, 1, 2)


def test_a_requote_carries_the_prices_of_now_and_concerns_market_orders_only(desk: Desk) -> None:
    desk.broker.faults.add(Requote())
    assert desk.pending(2, 1.08).retcode == 10009
    desk.price("EURUSD", 1.09, 1.0901)
    result = desk.buy()
    assert (result.retcode, result.bid, result.ask, result.comment) == (10004, 1.09, 1.0901, "Requote")
    assert desk.mt5.positions_get() == ()
    assert desk.buy().retcode == 10009


def test_a_call_fails_in_its_own_way_and_the_connection_stays(desk: Desk) -> None:
    faults = desk.broker.faults
    faults.add(Fail(call="positions_get", code=-1))
    faults.add(Fail(call="symbol_select", code=-4))
    faults.add(Fail(call="version", code=-10001))
    faults.add(Fail(call="symbols_get", code=-3))
    mt5 = desk.mt5
    assert (mt5.positions_get(), mt5.last_error()) == (None, (-1, "Terminal: Call failed"))
    assert (mt5.symbol_select("EURUSD"), mt5.last_error()) == (False, (-4, "Terminal: Not found"))
    assert (mt5.version(), mt5.last_error()) == ((0, 0, ""), (-10001, "IPC send failed"))
    assert (mt5.symbols_get(), mt5.last_error()) == (None, (-3, "Terminal: Out of memory"))
    assert (mt5.positions_get(), mt5.last_error()) == ((), (1, "Success"))


def test_initialize_fails_as_asked_and_leaves_no_connection(desk: Desk) -> None:
    desk.broker.faults.add(Fail(call="initialize", code=-6))
    assert (desk.mt5.initialize(), desk.mt5.last_error()) == (False, (-6, "Terminal: Authorization failed"))
    assert (desk.mt5.account_info(), desk.mt5.last_error()) == (None, NO_CONNECTION)
    assert desk.mt5.initialize()


def test_a_refused_login_keeps_the_account(desk: Desk) -> None:
    desk.broker.faults.add(Fail(call="login", login=43, code=-6))
    assert not desk.mt5.login(43, "secret", "TonpoSim-Demo")
    assert desk.mt5.account_info().login == 42


def recover(desk: Desk) -> None:
    """The caller's way back: only `initialize` helps."""
    assert (desk.mt5.account_info(), desk.mt5.last_error()) == (None, NO_CONNECTION)
    assert desk.buy() is None
    assert desk.mt5.symbols_total() is None
    assert desk.mt5.last_error()[0] == -5
    assert not desk.mt5.login(42, "secret", "TonpoSim-Demo")
    assert desk.mt5.initialize()
    assert desk.mt5.account_info().login == 42


def test_a_lost_answer_was_carried_out_and_the_connection_is_gone(desk: Desk) -> None:
    desk.broker.faults.add(AnswerLost())
    assert (desk.buy(), desk.mt5.last_error()) == (None, BROKEN)
    recover(desk)
    assert has_one_position(desk, 0.1)


def test_a_broken_pipe_carried_nothing_out(desk: Desk) -> None:
    desk.broker.faults.add(PipeBreak())
    assert (desk.buy(), desk.mt5.last_error()) == (None, BROKEN)
    recover(desk)
    assert is_untouched(desk)


def test_a_pipe_breaks_in_any_call(desk: Desk) -> None:
    desk.broker.faults.add(PipeBreak(call="*"))
    assert (desk.mt5.symbol_info_tick("EURUSD"), desk.mt5.last_error()) == (None, BROKEN)
    recover(desk)


@pytest.mark.parametrize("kind", [PipeBreak, AnswerLost])
def test_a_pipe_that_breaks_during_initialize_or_login_leaves_no_connection(desk: Desk, kind: Any) -> None:
    desk.broker.faults.add(kind(call="initialize"))
    assert (desk.mt5.initialize(), desk.mt5.last_error()) == (False, BROKEN)
    assert desk.mt5.initialize()
    desk.broker.faults.add(kind(call="login"))
    assert (desk.mt5.login(42, "secret", "TonpoSim-Demo"), desk.mt5.last_error()) == (False, BROKEN)
    recover(desk)


def test_a_timeout_may_have_been_carried_out(desk: Desk) -> None:
    desk.broker.faults.add(TimeoutExecuted())
    result = desk.buy()
    assert (result.retcode, result.deal, result.order, result.volume, result.request_id > 0) == (10012, 0, 0, 0, True)
    assert desk.mt5.last_error() == (1, "Success")
    assert has_one_position(desk, 0.1)


def test_a_timeout_may_not_have_been_carried_out(desk: Desk) -> None:
    desk.broker.faults.add(TimeoutNotExecuted())
    result = desk.buy()
    assert (result.retcode, result.deal, result.order, result.volume, result.request_id > 0) == (10012, 0, 0, 0, True)
    assert is_untouched(desk)


def test_a_timeout_hides_a_refusal(desk: Desk) -> None:
    desk.broker.faults.add(TimeoutExecuted())
    assert desk.buy(1_000.0).retcode == 10012
    assert is_untouched(desk)


def test_a_partial_fill_says_how_much_and_cancels_the_rest(desk: Desk) -> None:
    desk.broker.faults.add(PartialFill(fraction=0.35))
    result = desk.buy(0.3, magic=9)
    assert (result.retcode, result.volume, result.request.volume, result.request.magic) == (10010, 0.1, 0.3, 9)
    assert has_one_position(desk, 0.1)
    order = desk.mt5.history_orders_get(ticket=result.order)[0]
    assert (order.volume_initial, order.volume_current, order.state) == (0.3, 0.2, 3)
    assert desk.mt5.orders_get() == ()


def test_a_partial_close_on_request_keeps_the_rest_of_the_position(desk: Desk) -> None:
    opened = desk.buy(0.3)
    desk.broker.faults.add(PartialFill(fraction=0.5))
    closed = desk.sell(0.3, position=opened.order)
    assert (closed.retcode, closed.volume) == (10010, 0.15)
    assert [position.volume for position in desk.mt5.positions_get()] == [0.15]


def test_an_order_that_cannot_be_divided_is_filled_whole(desk: Desk) -> None:
    desk.broker.faults.add(PartialFill(fraction=0.9))
    assert desk.buy(0.01).retcode == 10009
    assert has_one_position(desk, 0.01)


def test_an_order_that_is_refused_as_a_whole_is_not_filled_in_part(desk: Desk) -> None:
    desk.broker.faults.add(PartialFill(fraction=0.1))
    assert desk.buy(50.0).retcode == 10019
    assert is_untouched(desk)


def test_a_part_may_be_filled_and_the_answer_lost(desk: Desk) -> None:
    desk.broker.faults.add(PartialFill(fraction=0.5))
    desk.broker.faults.add(AnswerLost())
    assert desk.buy(0.2) is None
    assert desk.mt5.initialize()
    assert has_one_position(desk, 0.1)


@pytest.mark.parametrize(
    ("fault", "shown"), [(RewriteComment(keep=4), "tonp"), (RewriteComment(comment="broker's own"), "broker's own")]
)
def test_the_broker_rewrites_a_comment_everywhere_but_in_the_echo(desk: Desk, fault: Any, shown: str) -> None:
    desk.broker.faults.add(fault)
    result = desk.buy(comment="tonpo-1")
    assert result.request.comment == "tonpo-1"
    assert desk.mt5.positions_get()[0].comment == shown
    assert desk.mt5.history_orders_get(ticket=result.order)[0].comment == shown
    assert desk.mt5.history_deals_get(ticket=result.deal)[0].comment == shown


def test_an_order_is_placed_first_and_filled_later_at_the_price_of_then(desk: Desk) -> None:
    desk.broker.faults.add(PlacedThenFilled(ms=500))
    result = desk.buy(0.2, magic=5, comment="later")
    assert (result.retcode, result.deal, result.volume, result.comment) == (10008, 0, 0.2, "Order placed")
    assert desk.mt5.positions_get() == ()
    waiting = desk.mt5.orders_get()[0]
    assert (waiting.ticket, waiting.type, waiting.volume_current, waiting.magic) == (result.order, 0, 0.2, 5)
    desk.price("EURUSD", 1.09, 1.0901)
    desk.clock.advance(milliseconds=499)
    assert desk.mt5.positions_total() == 0
    desk.clock.advance(milliseconds=1)
    position = desk.mt5.positions_get()[0]
    assert (position.ticket, position.price_open, position.volume, position.comment) == (
        result.order, 1.0901, 0.2, "later",
    )  # fmt: skip
    assert desk.mt5.orders_get() == ()
    past = desk.mt5.history_orders_get(ticket=result.order)[0]
    assert (past.state, past.time_done_msc - past.time_setup_msc) == (4, 500)
    assert desk.buy().order == result.order + 1
    assert not desk.broker.faults.is_armed


def test_a_close_that_was_placed_is_rejected_when_the_position_is_gone(desk: Desk) -> None:
    opened = desk.buy()
    desk.broker.faults.add(PlacedThenFilled(ms=500))
    placed = desk.sell(position=opened.order)
    assert placed.retcode == 10008
    assert desk.sell(position=opened.order).retcode == 10009
    desk.clock.advance(milliseconds=500)
    assert (desk.mt5.orders_get(), desk.mt5.positions_get()) == ((), ())
    assert desk.mt5.history_orders_get(ticket=placed.order)[0].state == 5
    assert len(desk.deals()) == 3


@pytest.mark.parametrize(("taken", "volume", "state"), [(0.0, 0.07, 3), (0.07, 0.0, 5)])
def test_a_placed_order_is_filled_as_far_as_the_market_goes_and_ends_once(
    taken: float, volume: float, state: int
) -> None:
    thin = replace(load_symbols()[0], liquidity=0.07)
    desk = open_desk(symbols=(thin,))
    desk.broker.faults.add(PlacedThenFilled(ms=500))
    placed = desk.buy(0.1, type_filling=1)
    if taken:
        desk.buy(taken)
    before = len(desk.deals())
    desk.clock.advance(milliseconds=500)
    assert desk.mt5.orders_get() == ()
    past = [order for order in desk.mt5.history_orders_get(0, 2**31 - 1) if order.ticket == placed.order]
    assert [(order.state, order.volume_initial, round(order.volume_current, 8)) for order in past] == [
        (state, 0.1, round(0.1 - volume, 8))
    ]
    assert [deal.volume for deal in desk.deals()[before:]] == ([volume] if volume else [])


def test_a_placed_order_can_be_cancelled_before_its_fill(desk: Desk) -> None:
    desk.broker.faults.add(PlacedThenFilled(ms=500))
    placed = desk.buy()
    assert desk.mt5.order_send({"action": 8, "order": placed.order}).retcode == 10009
    desk.clock.advance(milliseconds=500)
    assert desk.mt5.positions_get() == ()
    assert desk.mt5.history_orders_get(ticket=placed.order)[0].state == 2


@pytest.mark.parametrize("closes", [False, True])
def test_an_order_that_was_placed_is_filled_after_a_restart_of_the_broker(desk: Desk, closes: bool) -> None:
    position = desk.buy().order if closes else 0
    desk.broker.faults.add(PlacedThenFilled(ms=60_000))
    placed = desk.sell(position=position)
    assert placed.retcode == 10008
    again = open_desk()
    again.broker.load(json.loads(json.dumps(desk.broker.dump())))
    assert again.mt5.initialize(login=42, password="secret", server="TonpoSim-Demo")
    assert [order.ticket for order in again.mt5.orders_get()] == [placed.order]
    again.price("EURUSD", 1.08, 1.0801)
    assert again.mt5.orders_get() == ()
    assert again.deals()[-1].order == placed.order
    assert [held.ticket for held in again.mt5.positions_get()] == ([] if closes else [placed.order])


def test_clearing_the_faults_fills_what_was_placed(desk: Desk) -> None:
    desk.broker.faults.add(PlacedThenFilled(ms=500))
    assert desk.buy().retcode == 10008
    assert desk.broker.faults.clear() == 1
    assert has_one_position(desk, 0.1)


def test_a_disconnected_terminal_refuses_orders_and_answers_reads(desk: Desk) -> None:
    opened = desk.buy()
    desk.broker.faults.add(Disconnect(ms=1_000))
    assert desk.mt5.terminal_info().connected is False
    assert [position.ticket for position in desk.mt5.positions_get()] == [opened.order]
    refused = desk.sell(position=opened.order)
    assert (refused.retcode, refused.request_id, refused.comment) == (10031, 0, "No connection")
    desk.clock.advance(milliseconds=1_000)
    assert desk.mt5.terminal_info().connected is True
    assert desk.sell(position=opened.order).retcode == 10009


def test_a_disconnection_without_an_end_lasts_until_it_is_cleared(desk: Desk) -> None:
    fault = desk.broker.faults.add(Disconnect(login=42))
    other = SimulatedMetaTrader5(desk.broker)
    assert other.initialize(login=43, password="x", server="TonpoSim-Demo")
    assert desk.mt5.terminal_info().connected is False
    assert other.terminal_info().connected is True
    desk.clock.advance(seconds=1e6)
    assert desk.buy().retcode == 10031
    desk.broker.faults.clear(fault)
    assert desk.mt5.switches.connected
    assert desk.buy().retcode == 10009


def test_a_link_that_someone_else_took_down_stays_down(desk: Desk) -> None:
    desk.mt5.switches.connected = False
    desk.broker.faults.add(Disconnect(ms=1))
    desk.mt5.account_info()
    desk.broker.faults.clear()
    assert desk.mt5.terminal_info().connected is False


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_before_or_after_the_order_breaks_the_pipe_until_the_restart(desk: Desk, when: str) -> None:
    desk.broker.faults.add(Crash(when=when, restart_ms=5_000))
    assert (desk.buy(), desk.mt5.last_error()) == (None, BROKEN)
    assert (desk.mt5.initialize(), desk.mt5.last_error()) == (False, (-10005, "IPC timeout"))
    desk.clock.advance(milliseconds=5_000)
    assert desk.mt5.initialize()
    assert has_one_position(desk, 0.1) if when == "after" else is_untouched(desk)
    assert not desk.broker.faults.is_armed


@pytest.mark.parametrize("process", ["terminal", "client"])
def test_a_crash_tells_whoever_can_end_a_process(desk: Desk, process: str) -> None:
    ended: list[tuple[str, bool, int]] = []
    account = desk.broker.accounts["TonpoSim-Demo", 42]
    desk.broker.faults.on_crash = lambda which, called: ended.append(
        (which, called is desk.mt5, len(account.positions))
    )
    desk.broker.faults.add(Crash(process=process, when="after"))
    assert desk.buy() is None
    assert ended == [(process, True, 1)]


@pytest.mark.parametrize("what", ["positions", "orders", "history", "deals"])
def test_what_an_order_did_is_shown_late(desk: Desk, what: str) -> None:
    desk.broker.faults.add(LateVisibility(ms=200, what=(what,), times=0))
    opened = desk.pending(3, 1.09) if what == "orders" else desk.buy()
    assert opened.retcode == 10009

    def seen() -> dict[str, int]:
        mt5 = desk.mt5
        return {
            "positions": len(mt5.positions_get()) + mt5.positions_total() + len(mt5.positions_get(ticket=opened.order)),
            "orders": len(mt5.orders_get()) + mt5.orders_total() + len(mt5.orders_get(ticket=opened.order)),
            "history": mt5.history_orders_total(0, 2**31 - 1)
            + len(mt5.history_orders_get(0, 2**31 - 1))
            + len(mt5.history_orders_get(position=opened.order))
            + len(mt5.history_orders_get(ticket=opened.order)),
            "deals": len(desk.deals())
            - 1
            + mt5.history_deals_total(0, 2**31 - 1)
            - 1
            + len(mt5.history_deals_get(position=opened.order))
            + len(mt5.history_deals_get(ticket=opened.deal) if opened.deal else ()),
        }

    early = seen()
    assert early.pop(what) == 0
    assert len(desk.broker.accounts["TonpoSim-Demo", 42].positions) == (what != "orders")
    desk.clock.advance(milliseconds=199)
    assert seen()[what] == 0
    desk.clock.advance(milliseconds=1)
    late = seen()
    assert late.pop(what) > 0
    assert late == early


def test_a_closed_position_is_still_shown_for_a_while(desk: Desk) -> None:
    opened = desk.buy()
    desk.broker.faults.add(LateVisibility(ms=200))
    assert desk.sell(position=opened.order).retcode == 10009
    assert [position.ticket for position in desk.mt5.positions_get()] == [opened.order]
    assert desk.sell(position=opened.order).retcode == 10036
    desk.clock.advance(milliseconds=200)
    assert desk.mt5.positions_get() == ()
    assert not desk.broker.faults.is_armed


def test_orders_in_a_row_become_visible_one_after_the_other(desk: Desk) -> None:
    desk.broker.faults.add(LateVisibility(ms=200, times=2))
    desk.buy()
    desk.clock.advance(milliseconds=100)
    desk.buy()
    counts = []
    for _ in range(4):
        counts.append(desk.mt5.positions_total())
        desk.clock.advance(milliseconds=50)
    assert counts == [0, 0, 1, 1]
    assert desk.mt5.positions_total() == 2


def test_netting_accounts_suffer_the_same(netting: Desk) -> None:
    netting.broker.faults.add(PartialFill(fraction=0.5))
    netting.broker.faults.add(AnswerLost(after=1))
    assert netting.buy(0.2).retcode == 10010
    assert netting.sell(0.3) is None
    assert netting.mt5.initialize()
    position = netting.mt5.positions_get()[0]
    assert (position.type, position.volume) == (1, 0.2)


def test_a_fault_of_another_account_passes_by() -> None:
    desk = open_desk()
    assert isinstance(desk.clock, ManualClock)
    desk.broker.faults.add(Refuse(retcode=10019, login=43))
    assert desk.buy().retcode == 10009
