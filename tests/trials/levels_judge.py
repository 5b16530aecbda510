"""Where stop levels and prices stand, against all who have set them: requests, hands, and the market's triggers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.trials.books import BY_HAND, ENTRY_IN, ENTRY_INOUT, Books, name_of
from tests.trials.model import MODIFY, PENDING, SLTP, Account, ByHand, Sent, World

Levels = dict[str, float]
_SLACK_SECONDS = 0.05
"""How far a moment may be off that another clock has told."""
_EVER = float("-inf")
_STOP_LIMITS = (6, 7)


@dataclass(frozen=True)
class _Change:
    """New levels: when they were asked for, by when they were set (None: any time later), and whether they were."""

    asked: Levels
    began_at: float
    done_at: float | None
    is_sure: bool


def level_complaints(books: Books, world: World, account: Account) -> list[str]:
    """What is open stands where the accepted changes have put it. A position's price is the market's doing."""
    found = []
    for one in books.positions[account]:
        changes = _of_a_position(books, world, account, one["identifier"])
        since = _last_opening(books, account, one) if account.is_netting else _EVER
        found += _complaint(account, one, _of_position(one), _possible({"sl": 0.0, "tp": 0.0}, changes, since))
    for one in books.pending.get(account, ()):
        first = _asked_at_first(world, account, one)
        if first is not None:
            changes = _of_an_order(world, account, one["ticket"])
            found += _complaint(account, one, _of_order(one), _possible(first, changes, _EVER, can_trigger=True))
    return found


def _complaint(account: Account, one: dict[str, Any], now: Levels, possible: list[Levels]) -> list[str]:
    if any(_agree(now, state) for state in possible):
        return []
    return [f"{account.login}: {one['ticket']} stands at {now}, which should be one of {possible}"]


def _of_position(one: dict[str, Any]) -> Levels:
    return {"sl": one["sl"], "tp": one["tp"]}


def _of_order(one: dict[str, Any]) -> Levels:
    limit = one["price_stoplimit"] if one["type"] in _STOP_LIMITS else 0.0
    return {"sl": one["sl"], "tp": one["tp"], "price": one["price_open"], "limit": limit}


def _asked_at_first(world: World, account: Account, one: dict[str, Any]) -> Levels | None:
    """The terms that an order was placed with."""
    if one["reason"] == BY_HAND:
        hand = next(hand for hand in world.hands_on(account, PENDING) if hand.ticket == one["ticket"])
        return {**hand.levels, "limit": hand.request.get("stoplimit", 0.0)}
    name = name_of(one["comment"])
    body = next((sent.body or {} for sent in world.orders_of(account) if sent.name == name), None)
    if body is None or body["orderType"] == "market":
        return None
    return {"sl": 0.0, "tp": 0.0, "price": body["price"], "limit": body.get("stopLimitPrice", 0.0)}


def _last_opening(books: Books, account: Account, position: dict[str, Any]) -> float:
    """When an order opened, increased or reversed a netting position last: then its levels became the order's."""
    identifier = position["identifier"]
    moments = [
        deal.time_msc - books.shift_ms
        for deal in books.deals[account]
        if deal.position_id == identifier and deal.entry in (ENTRY_IN, ENTRY_INOUT)
    ]
    return max(moments, default=0) / 1000


def _of_a_position(books: Books, world: World, account: Account, identifier: int) -> list[_Change]:
    """Whatever has changed, or may have changed, the levels of a position, in the order of asking."""
    hands = [one for one in world.hands_on(account, SLTP) if books.identifier(account, one.ticket) == identifier]
    requests = [
        one
        for one in world.of(account, "modifyPosition")
        if "price" not in (one.body or {}) and books.identifier(account, one.ticket) == identifier
    ]
    return _changes(hands, requests, ("sl", "tp"))


def _of_an_order(world: World, account: Account, ticket: int) -> list[_Change]:
    """The same of a pending order: one that was filled in part shares its ticket with its position."""
    hands = [one for one in world.hands_on(account, MODIFY) if one.ticket == ticket]
    requests = [
        one for one in world.of(account, "modifyPosition") if "price" in (one.body or {}) and one.ticket == ticket
    ]
    return _changes(hands, requests, ("sl", "tp", "price"))


def _changes(hands: list[ByHand], requests: list[Sent], names: Iterable[str]) -> list[_Change]:
    found = [_of_hand(one, names) for one in hands]
    found += [_of_request(one, names) for one in requests if one.was_accepted or one.may_be_executed]
    return sorted(found, key=lambda change: change.began_at)


def _of_request(one: Sent, names: Iterable[str]) -> _Change:
    asked = {name: value or 0.0 for name, value in (one.body or {}).items() if name in names}
    return _Change(asked, one.began_at, one.told_at, one.was_accepted)


def _of_hand(one: ByHand, names: Iterable[str]) -> _Change:
    asked = {name: value for name, value in one.levels.items() if name in names}
    return _Change(asked, one.at, one.at, is_sure=True)


def _possible(first: Levels, changes: list[_Change], since: float, *, can_trigger: bool = False) -> list[Levels]:
    """Every state that these changes can have led to; those that were surely made before `since` count no more.

    One of which nobody was told at once may have been made at any time later.
    """
    possible = _triggered([first], can_trigger)
    late: list[Levels] = []
    for change in changes:
        if change.done_at is not None and change.done_at < since - _SLACK_SECONDS:
            continue
        moved = [{**state, **change.asked} for state in possible]
        is_certain = change.is_sure and change.began_at > since + _SLACK_SECONDS
        possible = _triggered(moved if is_certain else [*possible, *moved], can_trigger)
        if change.done_at is None:
            late.append(change.asked)
    return [*possible, *({**state, **asked} for asked in late for state in possible)]


def _triggered(states: list[Levels], can_trigger: bool) -> list[Levels]:
    """The same and, of stop-limit orders, what they are once their first price was reached."""
    if not can_trigger:
        return states
    return [*states, *({**state, "price": state["limit"], "limit": 0.0} for state in states if state["limit"])]


def _agree(one: Levels, other: Levels) -> bool:
    return all(abs(one[name] - other[name]) < 1e-6 for name in one)
