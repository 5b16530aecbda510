"""What a broker grants an account, and what it forbids it."""

from typing import Any

import pytest

from reference_server.simulator import AccountSettings, SimulatedMetaTrader5
from tests.simulator.conftest import Desk, open_desk

BUY_LIMIT, SELL_LIMIT = 2, 3


def desk_of(server: str = "TonpoSim-Demo", **terms: Any) -> Desk:
    return open_desk(server, settings=AccountSettings(**terms))


def terminal(desk: Desk, password: str, *, server: str = "TonpoSim-Demo", login: int = 42) -> Any:
    mt5 = SimulatedMetaTrader5(desk.broker)
    return mt5 if mt5.initialize(login=login, password=password, server=server) else None


@pytest.mark.parametrize(
    ("server", "terms", "mode"),
    [
        ("Sim-Demo", {}, 2),
        ("Sim-Netting", {}, 0),
        ("Sim-Exchange", {}, 1),
        ("Sim-Exchange", {"margin_mode": 2}, 2),
        ("Sim-Demo", {"margin_mode": 1}, 1),
    ],
)
def test_the_kind_of_account_comes_from_the_server_or_the_settings(
    server: str, terms: dict[str, Any], mode: int
) -> None:
    assert desk_of(server, **terms).mt5.account_info().margin_mode == mode


def test_an_exchange_account_trades_every_symbol_by_exchange_execution() -> None:
    desk = desk_of("Sim-Exchange")
    assert desk.mt5.symbol_info("EURUSD").trade_exemode == desk.mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE
    assert desk.buy(0.1, type_filling=2).retcode == 10009
    assert desk.buy(0.1, type_filling=2).retcode == 10009
    assert desk.mt5.positions_get()[0].volume == 0.2


def test_the_investor_looks_and_does_not_trade(desk: Desk) -> None:
    ticket = desk.buy(0.1).order
    investor = terminal(desk, "investorsecret")
    assert investor.account_info().trade_allowed is False
    assert investor.positions_get()[0].ticket == ticket
    for request in (
        {"action": 1, "symbol": "EURUSD", "volume": 0.1},
        {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 1, "position": ticket},
        {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": 2, "price": 1.08},
        {"action": 6, "position": ticket, "sl": 1.08},
    ):
        assert investor.order_send(request).retcode == 10017
    assert investor.order_check({"action": 1, "symbol": "EURUSD", "volume": 0.1}).retcode == 0
    assert desk.mt5.account_info().trade_allowed is True
    assert desk.buy(0.1).retcode == 10009


def test_a_terminal_may_change_between_the_two_passwords(desk: Desk) -> None:
    mt5 = desk.mt5
    assert mt5.login(42, "investorsecret", "TonpoSim-Demo")
    assert mt5.account_info().trade_allowed is False
    assert mt5.initialize()
    assert desk.buy().retcode == 10017
    assert not mt5.login(42, "wrong", "TonpoSim-Demo")
    assert desk.buy().retcode == 10017
    assert mt5.login(42, "secret", "TonpoSim-Demo")
    assert desk.buy().retcode == 10009


def test_the_investors_password_is_never_the_accounts_own(desk: Desk) -> None:
    first = terminal(desk, "investor-open", login=77)
    assert first.account_info().trade_allowed is False
    assert terminal(desk, "investor-other", login=77) is None
    assert terminal(desk, "investor", login=77) is None
    assert terminal(desk, "investorinvestor-open", login=77) is None
    assert terminal(desk, "investorinvalid", login=78) is None
    own = terminal(desk, "-open", login=77)
    assert own.account_info().trade_allowed is True
    with pytest.raises(ValueError, match="not an account's own"):
        desk.broker.open_account("TonpoSim-Demo", 79, "investor1", AccountSettings())


def test_a_closed_account_neither_logs_in_nor_trades(desk: Desk) -> None:
    desk.broker.change_account("TonpoSim-Demo", 42, enabled=False)
    assert desk.buy().retcode == 10017
    assert desk.mt5.account_info().trade_allowed is False
    assert terminal(desk, "secret") is None
    desk.broker.change_account("TonpoSim-Demo", 42, enabled=True)
    assert desk.buy().retcode == 10009


def test_a_read_only_account_and_one_without_algorithmic_trading() -> None:
    assert desk_of(trade_allowed=False).buy().retcode == 10017
    desk = desk_of(trade_expert=False)
    assert (desk.buy().retcode, desk.mt5.account_info().trade_expert) == (10026, False)


def test_accounts_on_terms_of_their_own(desk: Desk) -> None:
    terms = AccountSettings(currency="EUR", leverage=30, deposit=500.0, credit=100.0)
    desk.broker.open_account("TonpoSim-Demo", 7, "pw", terms)
    mt5 = terminal(desk, "pw", login=7)
    info = mt5.account_info()
    assert (info.currency, info.leverage, info.balance, info.credit, info.equity) == ("EUR", 30, 500.0, 100.0, 600.0)
    assert [(deal.type, deal.profit) for deal in mt5.history_deals_get(0, 2**31 - 1)] == [(2, 500.0), (3, 100.0)]
    with pytest.raises(ValueError, match="already an account 7"):
        desk.broker.open_account("TonpoSim-Demo", 7, "pw", terms)
    with pytest.raises(ValueError, match="no quote converts"):
        desk.broker.open_account("TonpoSim-Demo", 8, "pw", AccountSettings(currency="QQQ"))


@pytest.mark.parametrize(
    ("currency", "digits", "margin", "profit"), [("EUR", 2, 100.0, 9.2), ("JPY", 0, 16990.0, 1560.0)]
)
def test_accounts_in_other_currencies_round_to_their_digits(
    currency: str, digits: int, margin: float, profit: float
) -> None:
    desk = desk_of(currency=currency, deposit=1_000_000.0)
    desk.price("USDJPY", 156.0, 156.1)
    desk.price("EURJPY", 169.8, 169.9)
    desk.buy(0.1)
    desk.price("EURUSD", 1.08653, 1.08661)
    info = desk.mt5.account_info()
    assert (info.currency_digits, info.margin) == (digits, margin)
    assert (info.profit, desk.mt5.positions_get()[0].profit) == (profit, profit)
    assert all(value == round(value, digits) for value in (info.balance, info.equity, info.margin_free))
    assert desk.deals()[-1].commission == round(-0.35, digits)


def test_credit_counts_for_margin_and_is_no_balance() -> None:
    desk = desk_of(deposit=50.0, credit=100.0)
    assert desk.buy(0.1).retcode == 10009
    info = desk.mt5.account_info()
    assert (info.balance, info.credit, info.equity) == (49.65, 100.0, round(149.65 + info.profit, 2))
    desk.broker.pay("TonpoSim-Demo", 42, -100.0, "taken back", is_credit=True)
    assert desk.mt5.account_info().credit == 0.0
    assert desk.mt5.positions_get() == (), "what is left is below the stop-out level"


def test_paying_in_and_out(desk: Desk) -> None:
    desk.broker.pay("TonpoSim-Demo", 42, 500.0, "by card")
    desk.broker.pay("TonpoSim-Demo", 42, -200.0, "to bank")
    assert desk.mt5.account_info().balance == 10_300.0
    deal = desk.deals()[-1]
    assert (deal.type, deal.profit, deal.comment, deal.order, deal.symbol) == (2, -200.0, "to bank", 0, "")
    with pytest.raises(ValueError, match="no amount"):
        desk.broker.pay("TonpoSim-Demo", 42, float("nan"), "")
    with pytest.raises(KeyError):
        desk.broker.pay("TonpoSim-Demo", 43, 1.0, "")


def test_terms_of_an_account_can_change(desk: Desk) -> None:
    desk.buy(0.1)
    desk.broker.change_account("TonpoSim-Demo", 42, leverage=50, stop_out_level=20.0)
    info = desk.mt5.account_info()
    assert (info.leverage, info.margin, info.margin_so_so) == (50, 217.11, 20.0)
    for wrong in ({"currency": "EUR"}, {"colour": 1}):
        with pytest.raises(ValueError, match="can be changed"):
            desk.broker.change_account("TonpoSim-Demo", 42, **wrong)
    with pytest.raises(ValueError, match="leverage"):
        desk.broker.change_account("TonpoSim-Demo", 42, leverage=0)


def test_first_in_first_out_closes_the_oldest_position_of_a_symbol() -> None:
    desk = desk_of(fifo_close=True)
    first, second, gold = desk.buy(0.1).order, desk.buy(0.2).order, desk.buy(0.1, symbol="XAUUSD").order
    assert desk.mt5.account_info().fifo_close is True
    assert desk.sell(0.2, position=second).retcode == 10045
    assert desk.sell(0.1, symbol="XAUUSD", position=gold).retcode == 10009
    assert desk.sell(0.05, position=first).retcode == 10009
    assert desk.sell(0.2, position=second).retcode == 10045
    assert desk.sell(0.05, position=first).retcode == 10009
    assert desk.sell(0.2, position=second).retcode == 10009


def test_opposite_positions_can_be_prohibited() -> None:
    desk = desk_of(hedging_prohibited=True)
    ticket = desk.buy(0.1).order
    refused = desk.sell(0.1)
    assert (refused.retcode, refused.comment) == (10046, "Hedging prohibited")
    assert desk.pending(SELL_LIMIT, 1.09).retcode == 10046
    assert desk.pending(BUY_LIMIT, 1.08).retcode == 10009
    assert desk.sell(0.1, symbol="XAUUSD").retcode == 10009
    assert desk.sell(0.1, position=ticket).retcode == 10009
    waiting = desk.mt5.orders_get()[0].ticket
    assert desk.sell(0.1).retcode == 10009
    desk.price("EURUSD", 1.0790, 1.0791)
    assert desk.mt5.history_orders_get(ticket=waiting)[0].state == desk.mt5.ORDER_STATE_REJECTED


def test_the_number_of_positions_is_limited_and_orders_count_on_hedging_accounts() -> None:
    desk = desk_of(limit_positions=2)
    ticket = desk.buy(0.1).order
    assert desk.pending(BUY_LIMIT, 1.08).retcode == 10009
    assert desk.buy(0.1).retcode == 10040
    assert desk.pending(BUY_LIMIT, 1.08).retcode == 10040
    assert desk.sell(0.1, position=ticket).retcode == 10009


def test_the_number_of_positions_is_limited_by_symbol_on_netting_accounts() -> None:
    desk = desk_of("Sim-Netting", limit_positions=1)
    desk.buy(0.1)
    assert desk.buy(0.1).retcode == 10009
    assert desk.buy(0.1, symbol="XAUUSD").retcode == 10040
    desk.price("XAUUSD", 2343.0, 2343.2)
    placed = desk.pending(BUY_LIMIT, 2300.0, symbol="XAUUSD")
    assert placed.retcode == 10009
    desk.price("XAUUSD", 2299.0, 2299.2)
    assert desk.mt5.history_orders_get(ticket=placed.order)[0].state == desk.mt5.ORDER_STATE_REJECTED


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        ({"leverage": 0}, "leverage"),
        ({"deposit": -1.0}, "deposit"),
        ({"deposit": float("nan")}, "deposit"),
        ({"margin_mode": 3}, "margin_mode"),
        ({"trade_mode": 7}, "trade_mode"),
        ({"currency_digits": 9}, "currency_digits"),
        ({"stop_out_level": -5.0}, "stop_out_level"),
        ({"currency": ""}, "currency"),
    ],
)
def test_terms_that_no_account_can_have_are_named(terms: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        AccountSettings(**terms)


def test_the_account_says_its_terms() -> None:
    info = desk_of(trade_mode=2, stop_out_in_money=True, margin_call_level=500.0, stop_out_level=200.0,
                   limit_orders=5, company="Somebody").mt5.account_info()  # fmt: skip
    assert (info.trade_mode, info.margin_so_mode, info.margin_so_call, info.margin_so_so) == (2, 1, 500.0, 200.0)
    assert (info.limit_orders, info.company) == (5, "Somebody")
