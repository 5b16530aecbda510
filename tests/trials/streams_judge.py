"""What sockets told against the books: nothing of another's account, no number left out, and in the end the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from reference_server.simulator.surface.constants import CONSTANTS
from tests.trials.books import (
    CANCELED,
    ENTRY_IN,
    ENTRY_OUT_BY,
    EXPERT,
    EXPIRED,
    PENDING_TYPES,
    REJECTED,
    Books,
    lots,
    name_of,
)
from tests.trials.model import PENDING, PLACED, Account, World
from tests.trials.sockets import ACCOUNT_EVENTS, Socket

DEAL_BUY, DEAL_SELL = CONSTANTS["DEAL_TYPE_BUY"], CONSTANTS["DEAL_TYPE_SELL"]
Trade = tuple[int | str, str]
_SIDES = {DEAL_BUY: "buy", DEAL_SELL: "sell"}
WITHDRAWN = (CANCELED, REJECTED, EXPIRED)
_NOISE = 1e-9


def socket_complaints(books: Books, world: World, sockets: list[Socket], *, has_numbers: bool) -> list[str]:
    """Whatever is wrong with what the sockets told."""
    found: list[str] = []
    for number, socket in enumerate(sockets):
        name = f"s{number} of {socket.account.login}"
        found += [f"{name}: {problem}" for problem in socket.problems]
        foreign = socket.tickets() - books.tickets(socket.account)
        found += [f"{name}: told of ticket {ticket}, which its account never had" for ticket in foreign]
        other_accounts = {
            message["account_id"]
            for message in socket.messages
            if message["type"] == "accountStatus" and message["account_id"] != socket.account.account_id
        }
        found += [f"{name}: told of the account {other}" for other in other_accounts]
        if has_numbers:
            found += [f"{name}: {gap}" for gap in gaps(socket)]
    return found


def gaps(socket: Socket) -> list[str]:
    """Where a number is left out or repeated without a snapshot that says why."""
    found = []
    last = socket.since_seq
    for message in socket.messages:
        if message["type"] == "snapshot":
            last = message["seq"]
        elif message["type"] in ACCOUNT_EVENTS and "seq" in message:
            if last is not None and message["seq"] != last + 1:
                found.append(f"{message['seq']} follows {last}: {message}")
            is_over = message["type"] == "accountStatus" and message["status"] == "deleted"
            last = 0 if is_over else message["seq"]  # a connection without an account
        elif message["type"] == "heartbeat" and last is not None and message["seq"] != last:
            found.append(f"a heartbeat says {message['seq']} after {last}")
    return found


def positions_told(chain: list[Socket]) -> dict[int, dict[str, Any]] | None:
    """The open positions as a client knows them that came back again and again with the last number that it had.

    None where it was never told where to begin.
    """
    known: dict[int, dict[str, Any]] | None = None
    for socket in chain:
        for message in socket.messages:
            if message["type"] == "snapshot":
                positions = message.get("positions")  # none where the terminal cannot be asked
                known = None if positions is None else {int(one["ticket"]): one for one in positions}
            elif message["type"] == "position" and known is not None:
                if message.get("event") == "closed" or message["volume"] == 0:
                    known.pop(int(message["ticket"]), None)
                else:
                    known[int(message["ticket"])] = message
    return known


def chain_complaints(books: Books, world: World, chain: list[Socket]) -> list[str]:
    """What the client of these sockets, one after the other, believes against what is so, and what it was not told."""
    known = positions_told(chain)
    if known is None:
        return []
    account = chain[-1].account
    truth = {int(one["ticket"]): one for one in books.positions[account]}
    found = []
    if set(known) != set(truth):
        found.append(f"{account.login}: the stream leaves {sorted(known)} open, and {sorted(truth)} are")
    for ticket in set(known) & set(truth):
        told, real = known[ticket], truth[ticket]
        levels = (told.get("sl") or 0.0, told.get("tp") or 0.0)
        if abs(told["volume"] - real["volume"]) > 1e-9 or levels != (real["sl"], real["tp"]):
            found.append(f"{account.login}: the stream tells {told} of {ticket}, which is {real}")
    found += executions_untold(books, world, chain) + positions_untold(books, chain)
    return found + ends_mistold(books, chain) + withdrawals_untold(books, chain)


def since_snapshot(chain: list[Socket]) -> tuple[float, list[dict[str, Any]]]:
    """When the last snapshot came, and what was told after it. What happens after that is told by events alone."""
    at = float("inf")
    told: list[dict[str, Any]] = []
    for socket in chain:
        for moment, message in zip(socket.heard_at, socket.messages, strict=True):
            if message["type"] == "snapshot":
                at, told = moment, []
            else:
                told.append(message)
    return at, told


def executions_untold(books: Books, world: World, chain: list[Socket]) -> list[str]:
    """Each execution and each new pending order is told once, whoever caused it: a request, a trigger or a hand."""
    account = chain[-1].account
    at, messages = since_snapshot(chain)
    told: dict[Trade, float] = defaultdict(float)
    for message in messages:
        if message["type"] == "orderResult" and message["success"] and message["retcode"] != PLACED:
            told[_trade(books, account, message["ticket"], message["symbol"], message["side"])] += message["volume"]
    found = []
    least: dict[Trade, float] = defaultdict(float)
    most: dict[Trade, float] = defaultdict(float)
    for trade, volume, moment in _executions(books, account):
        most[trade] += volume
        least[trade] += volume if moment > at else 0.0
    placings = _placings(books, world, account, at)
    for trade in {*told, *least, *placings}:
        possible = _sums(placings.get(trade, ()))
        if not any(least[trade] - _NOISE <= told[trade] - placed <= most[trade] + _NOISE for placed in possible):
            found.append(
                f"{account.login}: of {trade} the stream told {lots(told[trade])} lots since the last snapshot, and "
                f"{lots(least[trade])} to {lots(most[trade])} were traded and {sorted(possible)} placed"
            )
    return found


def positions_untold(books: Books, chain: list[Socket]) -> list[str]:
    """Each position that was opened is told of, however short it lived."""
    account = chain[-1].account
    at, messages = since_snapshot(chain)
    told = {
        message["symbol"] if account.is_netting else int(message["ticket"])
        for message in messages
        if message["type"] == "position"
    }
    opened = {
        deal.symbol if account.is_netting else int(deal.position_id)
        for deal in _trades(books, account)
        if deal.entry == ENTRY_IN and _moment(books, deal.time_msc) > at
    }
    return [f"{account.login}: the stream never told of position {ticket}" for ticket in opened - told]


def ends_mistold(books: Books, chain: list[Socket]) -> list[str]:
    """A position's end is told with the price of the deal that ended it."""
    account = chain[-1].account
    _, messages = since_snapshot(chain)
    found = []
    for message in messages:
        if message["type"] != "position" or message["event"] != "closed" or account.is_netting:
            continue
        exits = [deal for deal in books.deals[account] if deal.position_id == message["ticket"] and deal.entry]
        if exits and abs(exits[-1].price - message["currentPrice"]) > 1e-6:
            found.append(f"{account.login}: the stream tells {message}, which ended at {exits[-1].price}")
    return found


def withdrawals_untold(books: Books, chain: list[Socket]) -> list[str]:
    """A pending order that was told of, and was cancelled, rejected or expired since, is told to have ended."""
    account = chain[-1].account
    at, messages = since_snapshot(chain)
    known = {message["ticket"] for message in messages if message["type"] == "orderResult" and message["success"]}
    ended = {message["ticket"] for message in messages if message["type"] == "orderResult" and not message["success"]}
    return [
        f"{account.login}: the stream never told the end of order {order.ticket}"
        for order in books.orders[account]
        if order.state in WITHDRAWN and order.type in PENDING_TYPES and _moment(books, order.time_done_msc) > at
        if order.ticket in known - ended
    ]


def _trade(books: Books, account: Account, ticket: int, symbol: str, side: str) -> Trade:
    """What volumes are counted by: on a netting account a position's ticket may be another one a moment later."""
    return (symbol if account.is_netting else books.identifier(account, ticket), side)


def _trades(books: Books, account: Account) -> list[Any]:
    return [deal for deal in books.deals[account] if deal.type in (DEAL_BUY, DEAL_SELL)]


def _executions(books: Books, account: Account) -> list[tuple[Trade, float, float]]:
    """Every deal; of two positions that were closed by one another the first."""
    found = []
    closed_by: set[int] = set()
    for deal in _trades(books, account):
        if deal.entry == ENTRY_OUT_BY:
            if deal.order in closed_by:
                continue
            closed_by.add(deal.order)
        trade = _trade(books, account, deal.order, deal.symbol, _SIDES[deal.type])
        found.append((trade, deal.volume, _moment(books, deal.time_msc)))
    return found


def _placings(books: Books, world: World, account: Account, at: float) -> dict[Trade, list[tuple[float, bool]]]:
    """Volumes of pending orders, and whether the placing must be told: of one that is over its end is enough."""
    waiting = {one["ticket"] for one in books.pending.get(account, ())}
    by_hand = {one.ticket for one in world.hands_on(account, PENDING)}
    names = {one.name for one in world.orders_of(account) if one.is_pending}
    found: dict[Trade, list[tuple[float, bool]]] = {}
    for order in books.orders[account]:
        if order.ticket in by_hand or (order.reason == EXPERT and name_of(order.comment) in names):
            trade = _trade(books, account, order.ticket, order.symbol, _SIDES[order.type % 2])
            must = order.ticket in waiting and _moment(books, order.time_setup_msc) > at
            found.setdefault(trade, []).append((order.volume_initial, must))
    return found


def _sums(placings: Iterable[tuple[float, bool]]) -> set[float]:
    """What the placings that were told can add up to."""
    sums = {0.0}
    for volume, must in placings:
        added = {lots(total + volume) for total in sums}
        sums = added if must else sums | added
    return sums


def _moment(books: Books, server_ms: int) -> float:
    """Seconds of the machine's clock."""
    return (server_ms - books.shift_ms) / 1000
