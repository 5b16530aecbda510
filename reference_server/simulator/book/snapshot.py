"""The broker's state as JSON values, and back."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

from reference_server.simulator.book.account import Account, AccountSettings
from reference_server.simulator.book.ledger import Ledger
from reference_server.simulator.book.records import Order, Position
from reference_server.simulator.market import Market
from reference_server.simulator.structs import TradeDeal, TradeOrder

VERSION = 1
PLAIN = ("server", "login", "password_digest", "margin_mode", "balance", "credit", "trade_allowed", "trade_expert")


def dump(market: Market, ledger: Ledger, accounts: Iterable[Account]) -> dict[str, Any]:
    """Describe accounts, the next tickets, and the prices that stand."""
    return {
        "version": VERSION,
        "utc_ms": market.utc_ms,
        "next_order": ledger.next_order,
        "next_deal": ledger.next_deal,
        "prices": {name: [quote.bid, quote.ask] for name, quote in market.quotes.items()},
        "accounts": [_account(account) for account in accounts],
    }


def _account(account: Account) -> dict[str, Any]:
    state: dict[str, Any] = {name: getattr(account, name) for name in PLAIN}
    state["settings"] = asdict(account.settings)
    state["positions"] = [asdict(position) for position in account.positions.values()]
    state["orders"] = [asdict(order) for order in account.orders.values()]
    state["past_orders"] = [list(order) for order in account.past_orders]
    state["deals"] = [list(deal) for deal in account.deals]
    return state


def load(state: Mapping[str, Any], market: Market, ledger: Ledger, settings: AccountSettings) -> list[Account]:
    """Rebuild accounts and put tickets and prices back. Raises ValueError when it is no dump of this version."""
    if state.get("version") != VERSION:
        raise ValueError(f"the saved state has version {state.get('version')!r}, this program reads {VERSION}")
    try:
        accounts = [_load_account(saved, settings) for saved in state["accounts"]]
        prices = {str(name): (float(bid), float(ask)) for name, (bid, ask) in state["prices"].items()}
        market.resume_from(int(state["utc_ms"]), prices)
        ledger.next_order = int(state["next_order"])
        ledger.next_deal = int(state["next_deal"])
        for account in accounts:
            for position in account.positions.values():
                ledger.count(account, position, position.volume)
            for name in list(account.exposures):
                ledger.revalue(account, name)
    except (KeyError, TypeError) as error:
        raise ValueError(f"the saved state is damaged: {error!r}") from None
    return accounts


def _load_account(saved: Mapping[str, Any], settings: AccountSettings) -> Account:
    known = {field.name for field in fields(settings)}
    kept = AccountSettings(**{name: value for name, value in saved["settings"].items() if name in known})
    account = Account(settings=kept, **{name: saved[name] for name in PLAIN})
    for values in saved["positions"]:
        account.add_position(Position(**values))
    for values in saved["orders"]:
        account.add_order(Order(**values))
    account.past_orders = [TradeOrder(values) for values in saved["past_orders"]]
    for values in saved["deals"]:
        deal = TradeDeal(values)
        account.deals.append(deal)
        account.deals_of_position.setdefault(deal.position_id, []).append(deal)
    return account
