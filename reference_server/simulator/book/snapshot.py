"""The broker's state as JSON values, and back."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.ledger import Ledger
from reference_server.simulator.book.records import Order, Position
from reference_server.simulator.book.settings import AccountSettings
from reference_server.simulator.market.market import Market
from reference_server.simulator.surface.structs import TradeDeal, TradeOrder

VERSION = 1
POSITION_FIELDS = tuple(field.name for field in fields(Position))
ORDER_FIELDS = tuple(field.name for field in fields(Order))
SETTINGS_FIELDS = tuple(field.name for field in fields(AccountSettings))
PLAIN = (
    "server", "login", "password_digest", "margin_mode", "balance", "credit", "enabled", "trade_allowed",
    "trade_expert",
)  # fmt: skip
HISTORY = ("past_orders", "deals")  # what only grows
SINCE_VERSION_1 = {"enabled": True}  # what dumps of the first release do not have


def lists(records: Iterable[Iterable[Any]]) -> list[Any]:
    """Describe records of the history as JSON values."""
    return [list(record) for record in records]


def dump(
    market: Market,
    ledger: Ledger,
    accounts: Iterable[Account],
    *,
    records: Callable[[Iterable[Iterable[Any]]], list[Any]] = lists,
) -> dict[str, Any]:
    """Describe accounts, the next tickets, and the prices that stand; `records` describes the history."""
    return {
        "version": VERSION,
        "utc_ms": market.utc_ms,
        "next_order": ledger.next_order,
        "next_deal": ledger.next_deal,
        "prices": {name: [quote.bid, quote.ask] for name, quote in market.quotes.items()},
        "accounts": [_account(account, records) for account in accounts],
    }


class Told:
    """What a row of changes has described so far of prices and of settings, which few trades change."""

    def __init__(self) -> None:
        self._ticks = -1
        self._prices: dict[str, tuple[float, float]] = {}
        self._settings: dict[tuple[str, int], AccountSettings] = {}

    def prices(self, market: Market) -> dict[str, tuple[float, float]]:
        """Bid and ask of the symbols that have moved."""
        if market.ticks == self._ticks:
            return {}
        self._ticks = market.ticks
        told = self._prices
        moved = {
            name: now for name, quote in market.quotes.items() if told.get(name) != (now := (quote.bid, quote.ask))
        }
        told |= moved
        return moved

    def terms(self, account: Account) -> dict[str, Any]:
        """The account's terms, with its settings if they are others than before."""
        key = (account.server, account.login)
        if self._settings.get(key) is account.settings:
            return _plain(account)
        self._settings[key] = account.settings
        return _terms(account)


def changes(
    market: Market,
    ledger: Ledger,
    account: Account,
    tickets: Iterable[int],
    *,
    past_orders: int,
    deals: int,
    told: Told,
) -> dict[str, Any]:
    """Describe what became of some tickets of an account since its history had these lengths, and what is not `told`.

    Unlike a dump it costs the same however many positions there are and however long the history is. Tickets that the
    new deals belong to need not be named.
    """
    fresh = account.deals[deals:]
    ended = account.past_orders[past_orders:]
    named = {*tickets}
    for deal in fresh:
        named |= {deal.position_id, deal.order}
    for order in ended:
        named.add(order.ticket)
    touched = sorted(named)
    positions, orders = account.positions, account.orders
    return {
        "utc_ms": market.utc_ms,
        "next_order": ledger.next_order,
        "next_deal": ledger.next_deal,
        "prices": told.prices(market),
        "account": told.terms(account),
        "positions": [[ticket, _position(positions[ticket]) if ticket in positions else None] for ticket in touched],
        "orders": [[ticket, _order(orders[ticket]) if ticket in orders else None] for ticket in touched],
        "past_orders": [past_orders, lists(ended)],
        "deals": [deals, lists(fresh)],
    }


def apply(state: dict[str, Any], journal: Iterable[Mapping[str, Any]]) -> None:
    """Bring a dump up to date with changes that came after it. Raises KeyError, TypeError, ValueError for damage."""
    books = {(account["server"], account["login"]): _Book(account) for account in state["accounts"]}
    state["prices"] = dict(state["prices"])
    for changed in journal:
        for name in ("utc_ms", "next_order", "next_deal"):
            state[name] = changed[name]
        state["prices"].update(changed["prices"])
        terms = changed["account"]
        key = (terms["server"], terms["login"])
        if key not in books:
            books[key] = _Book({"positions": [], "orders": [], "past_orders": [], "deals": []})
        books[key].apply(changed)
    state["accounts"] = [book.account() for book in books.values()]


class _Book:
    """An account of a dump while it is brought up to date. A position keeps its identifier when its ticket changes."""

    def __init__(self, account: dict[str, Any]) -> None:
        self._account = account
        self._positions = {record["identifier"]: record for record in account["positions"]}
        self._orders = {record["ticket"]: record for record in account["orders"]}

    def apply(self, changed: Mapping[str, Any]) -> None:
        self._account.update(changed["account"])
        held = [record for _, record in changed["positions"] if record is not None]
        kept = {record["identifier"] for record in held}
        for ticket, _ in changed["positions"]:
            if ticket not in kept:
                self._positions.pop(ticket, None)
        self._positions.update((record["identifier"], record) for record in held)
        for ticket, record in changed["orders"]:
            if record is None:
                self._orders.pop(ticket, None)
            else:
                self._orders[ticket] = record
        for name in HISTORY:
            start, fresh = changed[name]
            self._account[name][start:] = fresh

    def account(self) -> dict[str, Any]:
        return {**self._account, "positions": [*self._positions.values()], "orders": [*self._orders.values()]}


def _values_of(names: tuple[str, ...]) -> Callable[[object], dict[str, Any]]:
    """Make what describes a record by these fields; `dataclasses.asdict` copies each value and takes far longer."""
    read = attrgetter(*names)
    return lambda record: dict(zip(names, read(record), strict=True))


_plain = _values_of(PLAIN)
_settings = _values_of(SETTINGS_FIELDS)
_position = _values_of(POSITION_FIELDS)
_order = _values_of(ORDER_FIELDS)


def _terms(account: Account) -> dict[str, Any]:
    return {**_plain(account), "settings": _settings(account.settings)}


def _account(account: Account, records: Callable[[Iterable[Iterable[Any]]], list[Any]]) -> dict[str, Any]:
    state = _terms(account)
    state["positions"] = [_position(position) for position in account.positions.values()]
    state["orders"] = [_order(order) for order in account.orders.values()]
    state["past_orders"] = records(account.past_orders)
    state["deals"] = records(account.deals)
    return state


def load(state: Mapping[str, Any], market: Market, ledger: Ledger) -> list[Account]:
    """Rebuild accounts and put tickets and prices back. Raises ValueError when it is no dump of this version."""
    if state.get("version") != VERSION:
        raise ValueError(f"the saved state has version {state.get('version')!r}, this program reads {VERSION}")
    try:
        accounts = [_load_account(saved) for saved in state["accounts"]]
        prices = {str(name): (float(bid), float(ask)) for name, (bid, ask) in state["prices"].items()}
        market.resume_from(int(state["utc_ms"]), prices)
        ledger.next_order = int(state["next_order"])
        ledger.next_deal = int(state["next_deal"])
        for account in accounts:
            for position in account.positions.values():
                ledger.count(account, position, position.volume)
            for name in list(account.exposures):
                ledger.revalue(account, name)
            ledger.total(account)
    except (KeyError, TypeError) as error:
        raise ValueError(f"the saved state is damaged: {error!r}") from None
    return accounts


def _load_account(saved: Mapping[str, Any]) -> Account:
    kept = AccountSettings(**{name: value for name, value in saved["settings"].items() if name in SETTINGS_FIELDS})
    known = {**SINCE_VERSION_1, **saved}
    account = Account(settings=kept, **{name: known[name] for name in PLAIN})
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
