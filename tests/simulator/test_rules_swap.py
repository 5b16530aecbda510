"""Swap at the server's midnight: how much, on which nights, and where it goes."""

from dataclasses import replace
from typing import Any

import pytest

from reference_server.simulator import AccountSettings, load_symbols
from tests.simulator.conftest import Desk, open_desk

LISTED = {profile.name: profile for profile in load_symbols()}
DAY = 86_400  # the desk opens on Monday 3 June 2024, 13:00 by the server's clock
ROLLOVER = 7


def desk_with(name: str = "EURUSD", *, server: str = "TonpoSim-Demo", terms: Any = None, **changes: Any) -> Desk:
    symbols = tuple(replace(p, **changes) if p.name == name else p for p in LISTED.values())
    return open_desk(server, symbols=symbols, settings=terms)


def nights(desk: Desk, count: int) -> list[float]:
    """Swap of the only position after each of so many nights. No price moves meanwhile."""
    swaps = []
    for _ in range(count):
        desk.clock.advance(seconds=DAY)
        swaps.append(desk.mt5.positions_get()[0].swap)
    return swaps


@pytest.mark.parametrize(
    ("changes", "long", "short"),
    [
        ({"swap_mode": 0, "swap_long": -7.1, "swap_short": 2.3}, 0.0, 0.0),
        ({"swap_mode": 1, "swap_long": -7.1, "swap_short": 2.3}, -1.42, 0.46),
        ({"swap_mode": 2, "swap_long": -5.0, "swap_short": 2.0}, -1.1, 0.4),
        ({"swap_mode": 3, "swap_long": -5.0, "swap_short": 2.0}, -1.1, 0.4),
        ({"swap_mode": 4, "swap_long": -5.0, "swap_short": 2.0}, -1.0, 0.4),
        ({"swap_mode": 5, "swap_long": -3.6, "swap_short": 1.8}, -2.0, 1.1),
        ({"swap_mode": 6, "swap_long": -3.6, "swap_short": 1.8}, -2.1, 1.0),
    ],
)
def test_swap_modes(changes: dict[str, Any], long: float, short: float) -> None:
    for side, expected in ((0, long), (1, short)):
        desk = desk_with(**changes)
        desk.price("EURUSD", 1.0, 1.05)
        desk.send(action=1, type=side, volume=0.2)
        desk.price("EURUSD", 1.0, 1.1)
        assert nights(desk, 1) == [expected]


def test_swap_converts_costs_at_the_dearer_side() -> None:
    for side, expected in ((0, -18.0), (1, 16.0)):
        desk = desk_with("EURJPY", terms=AccountSettings(currency="EUR"), swap_mode=1, swap_long=-30.0, swap_short=32.0)
        desk.price("EURJPY", 166.6666666, 200.0)
        desk.send(action=1, type=side, volume=1.0, symbol="EURJPY")
        assert nights(desk, 1) == [expected]


def test_wednesday_counts_three_times_and_weekends_do_not() -> None:
    desk = desk_with(swap_mode=4, swap_long=-1.0)
    desk.buy(1.0)
    assert nights(desk, 8) == [-1.0, -2.0, -5.0, -6.0, -7.0, -7.0, -7.0, -8.0]


def test_friday_can_be_the_triple_night() -> None:
    desk = desk_with(swap_mode=4, swap_long=-1.0, swap_rollover3days=5)
    desk.buy(1.0)
    assert nights(desk, 7) == [-1.0, -2.0, -3.0, -4.0, -7.0, -7.0, -7.0]


def test_without_a_triple_night_every_night_counts_once() -> None:
    desk = desk_with(swap_mode=4, swap_long=-1.0, swap_rollover3days=7)
    desk.buy(1.0)
    assert nights(desk, 7) == [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0]


def test_several_nights_at_once_are_the_same_as_one_after_the_other() -> None:
    desk = desk_with(swap_mode=4, swap_long=-1.0)
    desk.buy(1.0)
    desk.clock.advance(seconds=8 * DAY)
    assert desk.mt5.positions_get()[0].swap == -8.0


def test_swap_is_charged_at_the_servers_midnight() -> None:
    desk = desk_with(swap_mode=4, swap_long=-1.0)
    desk.buy(1.0)
    desk.clock.advance(seconds=11 * 3600 - 1)
    assert desk.mt5.positions_get()[0].swap == 0.0
    desk.clock.advance(seconds=1)
    assert desk.mt5.positions_get()[0].swap == -1.0
    info = desk.mt5.account_info()
    assert info.profit == desk.mt5.positions_get()[0].profit - 1.0


def test_swap_goes_to_the_balance_with_the_closing_deals_in_their_share() -> None:
    desk = desk_with(swap_mode=4, swap_long=-1.0, commission_per_lot=0.0)
    ticket = desk.buy(0.3).order
    nights(desk, 2)
    assert desk.mt5.account_info().balance == 10_000.0
    desk.sell(0.1, position=ticket)
    assert (desk.deals()[-1].swap, desk.mt5.positions_get()[0].swap) == (-0.2, -0.4)
    desk.sell(0.2, position=ticket)
    deal = desk.deals()[-1]
    assert deal.swap == -0.4
    assert desk.mt5.account_info().balance == round(10_000.0 - 2.4 - 0.6, 2)


def test_closing_by_moves_the_swap_of_both() -> None:
    desk = desk_with(swap_mode=4, swap_long=-1.0, swap_short=-0.5)
    first = desk.buy(0.4).order
    second = desk.sell(0.2).order
    nights(desk, 1)
    desk.mt5.order_send({"action": 10, "position": first, "position_by": second})
    assert [deal.swap for deal in desk.deals()[-2:]] == [-0.2, -0.1]
    assert desk.mt5.positions_get()[0].swap == -0.2


@pytest.mark.parametrize(("mode", "base"), [(7, 1.08545), (8, 1.08545)])
@pytest.mark.parametrize("server", ["TonpoSim-Demo", "Sim-Netting"])
def test_reopening_keeps_the_identifier_and_books_the_result(mode: int, base: float, server: str) -> None:
    desk = desk_with(server=server, swap_mode=mode, swap_long=-5.0)
    opened = desk.buy(0.2, sl=1.08, tp=1.09, magic=5, comment="kept")
    desk.clock.advance(seconds=DAY)
    position = desk.mt5.positions_get()[0]
    assert (position.identifier, position.volume, position.price_open) == (opened.order, 0.2, round(base + 5e-5, 5))
    assert position.ticket != opened.order
    assert (position.sl, position.tp, position.magic, position.comment) == (1.08, 1.09, 5, "kept")
    assert desk.mt5.positions_get(ticket=position.ticket) == (position,)
    closing, opening = desk.deals()[-2:]
    assert [(deal.entry, deal.reason, deal.type) for deal in (closing, opening)] == [(1, 7, 1), (0, 7, 0)]
    assert (closing.profit, closing.commission, opening.commission) == (-1.6, 0.0, 0.0)
    assert closing.position_id == opening.position_id == opened.order
    assert desk.sell(0.2, position=position.ticket).retcode == 10009


def test_reopening_at_the_bid_takes_the_first_one_of_the_new_day() -> None:
    for mode, expected in ((7, 1.08548), (8, 1.08995)):
        desk = desk_with(swap_mode=mode, swap_short=-5.0, swap_rollover3days=7)
        desk.price("EURUSD", 1.08545, 1.08553)
        desk.sell(0.2)
        desk.clock.advance(seconds=11 * 3600)
        desk.broker.market.set_price("EURUSD", 1.09, 1.0901)
        assert desk.mt5.positions_get()[0].price_open == pytest.approx(expected, abs=1e-9), mode


def test_swap_in_the_base_needs_a_rate_from_the_start() -> None:
    with pytest.raises(LookupError, match="XAU into USD, which XAUUSD needs"):
        desk_with("XAUUSD", swap_mode=2)


def test_a_swap_can_cause_the_stop_out_without_a_tick() -> None:
    desk = desk_with(swap_mode=4, swap_long=-80.0, terms=AccountSettings(deposit=150.0))
    desk.buy(0.1)
    assert desk.mt5.positions_total() == 1
    desk.clock.advance(seconds=DAY)
    assert desk.mt5.positions_total() == 1
    desk.clock.advance(seconds=11 * DAY)
    assert desk.mt5.positions_total() == 0
    assert desk.deals()[-1].reason == desk.mt5.DEAL_REASON_SO
