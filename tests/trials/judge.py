"""The model against the broker's own books: nothing lost, nothing doubled, nothing misrouted, nobody lied to."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.trials.books import BY_HAND, CANCELED, ENTRY_IN, EXPERT, Books, lots, name_of, was_turned_away
from tests.trials.levels_judge import level_complaints
from tests.trials.model import DONE_PARTIAL, REMOVE, Account, Sent, User, World


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
        found += level_complaints(books, world, account)
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
    if not one.is_only_placed:
        placed = [(account, order) for account, order in placed if not was_turned_away(order)]
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
        elif not found:
            found += _ticket(books, one, placed[0][1]) + _volume(books, one, placed[0][1])
    elif times and not one.may_be_executed:
        found.append(f"{one.name}: was executed, and the answers were {sorted(v.value for v in one.verdicts)}")
    return found


def _ticket(books: Books, one: Sent, order: Any) -> list[str]:
    """The ticket that was told is that of the order or, on a netting account, of the position that it went into."""
    told, account = one.told_ticket, one.account
    if told in (0, order.ticket) or (account.is_netting and one.is_only_placed):
        return []
    if account.is_netting and books.identifier(account, told) == books.identifier(account, order.ticket):
        return []
    return [f"{one.name}: has the ticket {order.ticket} and {told} was told"]


def _volume(books: Books, one: Sent, order: Any) -> list[str]:
    """The volume that was told is that which was placed or filled, and a part is not told as the whole."""
    told, wanted = one.result, lots((one.body or {})["volume"])
    if told is None:
        return []
    made = wanted if one.is_pending or one.is_only_placed else books.filled(one.account, order.ticket)
    found = []
    if lots(told["volume"]) != made:
        found.append(f"{one.name}: {made} lots were made of it, and {told['volume']} were told")
    if not one.is_only_placed and (told["retcode"] == DONE_PARTIAL) != (made < wanted):
        found.append(f"{one.name}: {made} of {wanted} lots were made, and it was told with {told['retcode']}")
    return found


def _cancellation(books: Books, one: Sent) -> list[str]:
    (order,) = [order for order in books.orders[one.account] if order.ticket == one.ticket]
    if one.was_accepted and order.state != CANCELED:
        return [f"{one.name}: the order {one.ticket} was told to be cancelled and is in state {order.state}"]
    return []


def _closes(books: Books, world: World, account: Account) -> list[str]:
    """Each closing deal is explained by one request, and each accepted request by one deal."""
    found = []
    closes: dict[int, list[Sent]] = {deal.position_id: [] for deal in books.deals[account]}
    for one in world.of(account, "closePosition"):
        closes.setdefault(books.identifier(account, one.ticket), []).append(one)
    for ticket, requests in closes.items():
        volumes = Counter(lots(deal.volume) for deal in books.exits(account, world, ticket))
        undecided: list[Sent] = []
        for one in requests:
            if one.was_accepted:
                told = one.result
                volume = lots(told["volume"] if told is not None else (one.body or {}).get("volume", 0))
                if volumes[volume] > 0:
                    volumes[volume] -= 1
                elif not (one.is_only_placed and _turned_away(books, world, account)):
                    found.append(f"{one.name}: the closing of {volume} of {ticket} was accepted and never made")
                found += _whole(one, volume)
            elif one.may_be_executed:
                undecided.append(one)
        left = list((+volumes).elements())
        for one in sorted(undecided, key=lambda one: "volume" not in (one.body or {})):
            wanted = (one.body or {}).get("volume")
            fitting = [volume for volume in left if wanted is None or volume <= lots(wanted)]
            if fitting:
                left.remove(max(fitting))
        if left:
            found.append(f"{account.login}: {left} of position {ticket} were closed, and no request explains it")
    return found


def _whole(one: Sent, volume: float) -> list[str]:
    """A part of the volume that was to be closed is not told as the whole."""
    wanted = (one.body or {}).get("volume")
    if one.result is None or wanted is None or one.is_only_placed:
        return []
    if (one.result["retcode"] == DONE_PARTIAL) != (volume < lots(wanted)):
        return [f"{one.name}: {volume} of {wanted} lots were closed, and it was told with {one.result['retcode']}"]
    return []


def _turned_away(books: Books, world: World, account: Account) -> list[Any]:
    """Orders to close a position that found nobody to trade with, or came too late."""
    orders = books.ordered(account, world)
    return [
        order
        for order in books.orders[account]
        if order.reason == EXPERT and order.ticket not in orders and was_turned_away(order)
    ]


def _unexplained(books: Books, world: World, account: Account) -> list[str]:
    """Nothing was traded on the account but for somebody's request, or by hand."""
    names = {one.name for one in world.orders_of(account)}
    known = {deal.order for deal in books.deals[account] if deal.entry != ENTRY_IN}
    if world.of(account, "closePosition"):
        known |= {order.ticket for order in _turned_away(books, world, account)}
    found = [
        f"{account.login}: order {order.ticket} ({order.comment!r}) has no request"
        for order in books.orders[account]
        if order.reason == EXPERT and name_of(order.comment) not in names and order.ticket not in known
    ]  # fmt: skip
    cancelled = {one.ticket for one in world.sent if one.operation == "cancelOrder" and not _is_undone(one)}
    cancelled |= {one.ticket for one in world.hands_on(account, REMOVE)}
    found += [
        f"{account.login}: order {order.ticket} was cancelled, and no request explains it"
        for order in books.orders[account]
        if order.state == CANCELED and order.ticket not in cancelled
    ]
    by_hand = {one.ticket for one in world.by_hand if one.account is account}
    found += [
        f"{account.login}: order {order.ticket} was made by hand, and nobody made it"
        for order in books.orders[account]
        if order.reason == BY_HAND and order.ticket not in by_hand and not was_turned_away(order)
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
