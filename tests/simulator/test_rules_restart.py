"""What is kept of an account across a restart: dumps, journals of changes, and dumps of the first release."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.simulator import (
    AccountSettings,
    ManualPrices,
    SimulatedBroker,
    SimulatedMetaTrader5,
    SymbolProfile,
    load_symbols,
)
from reference_server.simulator.book import snapshot
from tests.simulator.conftest import Desk, open_desk
from tests.simulator.test_rules_money import PROFILES, RESERVED, step, take

NEW_IN_SETTINGS = (
    "credit", "margin_mode", "stop_out_in_money", "limit_positions", "fifo_close", "hedging_prohibited",
    "trade_allowed", "trade_expert", "trade_mode",
)  # fmt: skip


def restored(desk: Desk, state: dict[str, Any], symbols: Any = None) -> Any:
    """A terminal of a new broker that continues from a state."""
    broker = SimulatedBroker(clock=desk.clock, prices=ManualPrices(), symbols=symbols)
    broker.load(json.loads(json.dumps(state)))
    mt5: Any = SimulatedMetaTrader5(broker)
    assert mt5.initialize(login=42, password="secret", server=desk.mt5.account_info().server)
    return mt5


def journal_of(desk: Desk, profiles: tuple[SymbolProfile, ...], steps: list[Any]) -> list[dict[str, Any]]:
    """Take the steps, and write down after each what became of every ticket that was active before it."""
    by_name = {profile.name: profile for profile in profiles}
    server = desk.mt5.account_info().server
    changes = []
    told = snapshot.Told()
    for what, name, size, shift in steps:
        if name not in by_name:
            continue
        past_orders, deals = desk.broker.history_lengths(server, 42)
        before = {position.ticket for position in desk.mt5.positions_get()}
        before |= {order.ticket for order in desk.mt5.orders_get()}
        take(desk, what, by_name[name], size, shift)
        after = {position.ticket for position in desk.mt5.positions_get()}
        after |= {order.ticket for order in desk.mt5.orders_get()}
        change = desk.broker.dump_changes(server, 42, before | after, past_orders=past_orders, deals=deals, told=told)
        changes.append(json.loads(json.dumps(change)))
    return changes


def normal(state: dict[str, Any]) -> dict[str, Any]:
    """A state with positions in one order: those of a journal keep their place when their ticket changes."""
    for account in state["accounts"]:
        account["positions"].sort(key=lambda position: position["identifier"])
    return state


@settings(max_examples=40, deadline=None)
@given(st.lists(step, max_size=25))
def test_a_dump_with_the_journal_of_what_followed_is_the_dump_of_now(steps: list[Any]) -> None:
    for server, profiles in (("Sim-Hedging", PROFILES), ("Sim-Netting", PROFILES), ("Sim-Exchange", RESERVED)):
        desk = open_desk(server, symbols=profiles, settings=AccountSettings(deposit=30_000.0))
        state = json.loads(json.dumps(desk.broker.dump()))
        snapshot.apply(state, journal_of(desk, profiles, steps))
        now = json.loads(json.dumps(desk.broker.dump()))
        assert normal(state) == normal(now)


def test_what_expired_unnoticed_is_not_active_after_a_restart(desk: Desk) -> None:
    state = desk.broker.dump()
    now = desk.mt5.symbol_info_tick("EURUSD").time
    ticket = desk.pending(2, 1.08, type_time=2, expiration=now + 60).order
    told = snapshot.Told()
    first = desk.broker.dump_changes("TonpoSim-Demo", 42, [ticket], past_orders=0, deals=1, told=told)
    desk.clock.advance(seconds=90)
    bought = desk.buy(0.1).order
    second = desk.broker.dump_changes("TonpoSim-Demo", 42, [bought], past_orders=0, deals=1, told=told)
    snapshot.apply(state, json.loads(json.dumps([first, second])))
    mt5 = restored(desk, state)
    assert mt5.orders_get() == ()
    assert mt5.history_orders_get(ticket=ticket)[0].state == mt5.ORDER_STATE_EXPIRED


def test_a_dump_of_the_first_release_is_continued(desk: Desk) -> None:
    opened = desk.buy(0.1, sl=1.08).order
    desk.pending(2, 1.07)
    state = json.loads(json.dumps(desk.broker.dump()))
    for account in state["accounts"]:
        del account["enabled"]
        for name in NEW_IN_SETTINGS:
            del account["settings"][name]
        for order in account["orders"]:
            del order["margin"]
    mt5 = restored(desk, state)
    assert mt5.account_info() == desk.mt5.account_info()
    assert (mt5.positions_get(), mt5.orders_get()) == (desk.mt5.positions_get(), desk.mt5.orders_get())
    assert (
        mt5.order_send({"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 1, "position": opened}).retcode == 10009
    )


def test_a_closed_account_stays_closed_and_its_terms_its_own(desk: Desk) -> None:
    terms = AccountSettings(currency="EUR", leverage=30, fifo_close=True, credit=50.0, stop_out_in_money=True)
    desk.broker.open_account("TonpoSim-Demo", 7, "pw", terms)
    desk.broker.change_account("TonpoSim-Demo", 42, enabled=False)
    broker = SimulatedBroker(clock=desk.clock, prices=ManualPrices())
    broker.load(json.loads(json.dumps(desk.broker.dump())))
    mt5: Any = SimulatedMetaTrader5(broker)
    assert not mt5.initialize(login=42, password="secret", server="TonpoSim-Demo")
    assert mt5.initialize(login=7, password="pw", server="TonpoSim-Demo")
    info = mt5.account_info()
    assert (info.currency, info.leverage, info.fifo_close, info.credit) == ("EUR", 30, True, 50.0)
    assert broker.accounts["TonpoSim-Demo", 7].settings == terms


def test_an_order_that_waits_for_volume_goes_on_after_a_restart() -> None:
    profiles = tuple(RESERVED[:1]) + tuple(p for p in load_symbols() if p.name != "EURUSD")
    desk = open_desk("Sim-Exchange", symbols=profiles)
    waiting = desk.buy(0.6, type_filling=2).order
    assert desk.mt5.account_info().margin > 0
    mt5 = restored(desk, desk.broker.dump(), profiles)
    assert mt5.account_info() == desk.mt5.account_info()
    mt5.broker.set_price("EURUSD", 1.0860, 1.0861)
    assert mt5.orders_get() == ()
    assert mt5.history_orders_get(ticket=waiting)[0].state == mt5.ORDER_STATE_FILLED


def test_changes_tell_a_price_or_a_setting_once_and_again_when_it_is_another(desk: Desk) -> None:
    state, told = desk.broker.dump(), snapshot.Told()
    server = desk.mt5.account_info().server

    def change() -> dict[str, Any]:
        return desk.broker.dump_changes(server, 42, [], past_orders=0, deals=1, told=told)

    first, second = change(), change()
    assert set(first["prices"]) == set(desk.broker.market.quotes)
    assert "settings" in first["account"]
    assert second["prices"] == {}
    assert "settings" not in second["account"]
    desk.broker.change_account(server, 42, leverage=7)
    desk.broker.set_price("EURUSD", 1.5, 1.5001)
    third = change()
    assert third["prices"] == {"EURUSD": (1.5, 1.5001)}
    snapshot.apply(state, json.loads(json.dumps([first, second, third])))
    mt5 = restored(desk, state)
    assert mt5.account_info().leverage == 7
    assert mt5.symbol_info_tick("EURUSD").bid == 1.5
