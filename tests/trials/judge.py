"""The model against the broker's own books: nothing lost, nothing doubled, nothing misrouted, nobody lied to."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference_server.simulator.surface.constants import CONSTANTS
from tests.trials.model import Account, Sent, User, World
from tests.trials.processes import Broker

EXPERT = CONSTANTS["ORDER_REASON_EXPERT"]
DEAL_EXPERT = CONSTANTS["DEAL_REASON_EXPERT"]
CANCELED = CONSTANTS["ORDER_STATE_CANCELED"]
ENTRY_OUT = CONSTANTS["DEAL_ENTRY_OUT"]
_NOISE = 1e-9


def name_of(comment: str) -> str:
    """The comment without the tag that may follow it."""
    return re.sub(r"~\^.*$", "", comment)


@dataclass
class Books:
    """The accounts of a broker at one moment."""

    orders: dict[Account, list[Any]]
    deals: dict[Account, list[Any]]
    positions: dict[Account, list[dict[str, Any]]]

    @classmethod
    def read(cls, broker: Broker, world: World) -> Books:
        """Read those of all accounts that a terminal has ever logged in to."""
        known = [account for account in world.accounts if broker.has_account(account.login)]
        nothing: list[Any] = []
        return cls(
            {account: broker.orders(account.login) if account in known else nothing for account in world.accounts},
            {account: broker.deals(account.login) if account in known else nothing for account in world.accounts},
            {account: broker.open_now(account.login, "positions") for account in world.accounts},
        )

    def tickets(self, account: Account) -> set[int]:
        """Every ticket that this account ever had."""
        return {int(order.ticket) for order in self.orders[account]} | {
            int(one["ticket"]) for one in self.positions[account]
        }

    def placed(self, name: str) -> list[tuple[Account, Any]]:
        """The orders with this name, wherever they are."""
        return [
            (account, order)
            for account, orders in self.orders.items()
            for order in orders
            if name_of(order.comment) == name and order.reason == EXPERT
        ]

    def exits(self, account: Account, ticket: int) -> list[Any]:
        """Deals by which the gateway closed a position or a part of it."""
        return [
            deal
            for deal in self.deals[account]
            if deal.position_id == ticket and deal.entry == ENTRY_OUT and deal.reason == DEAL_EXPERT
        ]


def complaints(books: Books, world: World) -> list[str]:
    """Whatever the books and what users were told do not agree on."""
    found: list[str] = []
    for one in world.sent:
        found += _contradictions(one)
        if one.operation == "placeOrder":
            found += _order(books, one)
        elif one.operation == "cancelOrder":
            found += _cancellation(books, one)
    for account in world.accounts:
        found += _closes(books, world, account)
        found += _levels(books, world, account)
        found += _unexplained(books, world, account)
    return found


def _contradictions(one: Sent) -> list[str]:
    found = []
    results = [answer.json for answer in one.answers if answer is not None and answer.status == 200]
    if any(result != results[0] for result in results):
        found.append(f"{one.name}: was answered in different ways: {results}")
    if one.was_accepted and one.was_refused:
        found.append(f"{one.name}: was both accepted and refused")
    if (one.was_accepted or one.was_refused) and one.outcome in ("unknown", "not_sent", "absent", "in_flight"):
        found.append(f"{one.name}: was answered, and its key says {one.outcome}")
    return found


def _order(books: Books, one: Sent) -> list[str]:
    placed = books.placed(one.name)
    found = [
        f"{one.name}: was sent for {one.account.login} and executed on {account.login}"
        for account, _ in placed
        if account is not one.account
    ]
    times = len(placed)
    if times > 1:
        found.append(f"{one.name}: was executed {times} times: {[order.ticket for _, order in placed]}")
    if one.was_accepted:
        if times != 1:
            found.append(f"{one.name}: was accepted and executed {times} times")
        elif one.told_ticket not in (0, placed[0][1].ticket):
            found.append(f"{one.name}: has the ticket {placed[0][1].ticket} and {one.told_ticket} was told")
    elif times and not one.may_be_executed:
        found.append(f"{one.name}: was executed, and the answers were {sorted(v.value for v in one.verdicts)}")
    return found


def _cancellation(books: Books, one: Sent) -> list[str]:
    (order,) = [order for order in books.orders[one.account] if order.ticket == one.ticket]
    if one.was_accepted and order.state != CANCELED:
        return [f"{one.name}: the order {one.ticket} was told to be cancelled and is in state {order.state}"]
    return []


def _closes(books: Books, world: World, account: Account) -> list[str]:
    """Each closing deal is explained by one request, and each accepted request by one deal."""
    found = []
    tickets = {one.ticket for one in world.sent if one.account is account and one.operation == "closePosition"}
    for ticket in tickets | {deal.position_id for deal in books.deals[account]}:
        volumes = Counter(_lots(deal.volume) for deal in books.exits(account, ticket))
        undecided: list[Sent] = []
        for one in world.acting_on(account, "closePosition", ticket):
            if one.was_accepted:
                told = one.result
                volume = _lots(told["volume"] if told is not None else (one.body or {}).get("volume", 0))
                volumes[volume] -= 1
                if volumes[volume] < 0:
                    found.append(f"{one.name}: the closing of {volume} of {ticket} was accepted and never made")
            elif one.may_be_executed:
                undecided.append(one)
        left = list((+volumes).elements())
        for one in sorted(undecided, key=lambda one: "volume" not in (one.body or {})):
            wanted = (one.body or {}).get("volume")
            fitting = [volume for volume in left if wanted is None or volume == _lots(wanted)]
            if fitting:
                left.remove(fitting[0])
        if left:
            found.append(f"{account.login}: {left} of position {ticket} were closed, and no request explains it")
    return found


def _lots(volume: float) -> float:
    return round(volume, 2)


def _levels(books: Books, world: World, account: Account) -> list[str]:
    """What is open stands where the accepted changes have put it. A position's price is the market's doing."""
    placed_state = CONSTANTS["ORDER_STATE_PLACED"]
    open_ones: list[tuple[dict[str, Any], tuple[str, ...]]] = [(one, ("sl", "tp")) for one in books.positions[account]]
    open_ones += [(one._asdict(), ("sl", "tp", "price")) for one in books.orders[account] if one.state == placed_state]
    found = []
    for one, names in open_ones:
        placed = [sent for sent in world.orders_of(account) if sent.name == name_of(one["comment"])]
        if not placed:
            continue
        now = {"sl": one["sl"], "tp": one["tp"], "price": one["price_open"]}
        possible = [_asked(placed[0], names)]
        changes = world.acting_on(account, "modifyPosition", one["ticket"])
        for change in changes:
            moved = [{**state, **_asked(change, names)} for state in possible]
            if change.was_accepted:
                possible = moved
            elif change.may_be_executed:
                possible += moved
        late = [
            {**state, **_asked(change, names)} for change in changes if change.may_be_executed for state in possible
        ]
        if not any(_agree(now, state, names) for state in [*possible, *late]):
            found.append(f"{account.login}: {one['ticket']} stands at {now}, which should be one of {possible}")
    return found


def _asked(sent: Sent, names: Iterable[str]) -> dict[str, float]:
    """The levels that a request asks for, 0 for none."""
    return {name: value or 0.0 for name, value in (sent.body or {}).items() if name in names}


def _agree(one: dict[str, float], other: dict[str, float], names: Iterable[str]) -> bool:
    return all(abs(one[name] - other.get(name, 0.0)) < 1e-6 for name in names)


def _unexplained(books: Books, world: World, account: Account) -> list[str]:
    """No program has traded on the account but for somebody's request."""
    names = {one.name for one in world.orders_of(account)}
    exits = {deal.order for deal in books.deals[account] if deal.entry == ENTRY_OUT}
    found = [
        f"{account.login}: order {order.ticket} ({order.comment!r}) has no request"
        for order in books.orders[account]
        if order.reason == EXPERT and name_of(order.comment) not in names and order.ticket not in exits
    ]  # fmt: skip
    cancelled = {one.ticket for one in world.sent if one.operation == "cancelOrder" and not _is_undone(one)}
    found += [
        f"{account.login}: order {order.ticket} was cancelled, and no request explains it"
        for order in books.orders[account]
        if order.state == CANCELED and name_of(order.comment) in names and order.ticket not in cancelled
    ]
    return found


def _is_undone(one: Sent) -> bool:
    return not one.was_accepted and not one.may_be_executed


def daily_complaints(journal: Path, world: World, users: Iterable[User]) -> list[str]:
    """The number of trades that count against each user's day is that of those that were made, or may have been."""
    found = []
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT user_id, sum(trades) FROM trades_per_day GROUP BY user_id").fetchall()
        counted = dict(rows)
    for user in users:
        orders = [one for one in world.sent if one.operation == "placeOrder" and one.account.user is user]
        least = sum(one.was_accepted for one in orders)
        most = least + sum(one.may_be_executed for one in orders)
        least += sum(one.outcome == "unknown" for one in orders)
        if not least <= counted.get(user.user_id, 0) <= most:
            found.append(f"{user.name}: {counted.get(user.user_id, 0)} trades count, which should be {least} to {most}")
    return found
