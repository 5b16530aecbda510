"""What each retcode of `order_send` means for the caller, in one table.

Source: MQL5 reference, "Return codes of the trade server". The texts that a terminal puts into `comment` differ from
broker to broker, so only the number is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

REQUOTE: Final = 10004
REJECTED: Final = 10006
CANCELED: Final = 10007
PLACED: Final = 10008
DONE: Final = 10009
DONE_PARTIAL: Final = 10010
INVALID: Final = 10013
INVALID_VOLUME: Final = 10014
INVALID_PRICE: Final = 10015
INVALID_STOPS: Final = 10016
TRADE_DISABLED: Final = 10017
MARKET_CLOSED: Final = 10018
PRICE_CHANGED: Final = 10020
NO_PRICES: Final = 10021
INVALID_EXPIRATION: Final = 10022
ORDER_CHANGED: Final = 10023
NO_CHANGES: Final = 10025
SERVER_DISABLES: Final = 10026
CLIENT_DISABLES: Final = 10027
INVALID_FILL: Final = 10030
NO_CONNECTION: Final = 10031
POSITION_CLOSED: Final = 10036
INVALID_CLOSE_VOLUME: Final = 10038
ACTIVATION_REJECTED: Final = 10041
MAYBE_GONE: Final = frozenset({INVALID, ORDER_CHANGED})
"""What some servers answer about an order or position that is there no more."""

_SERVER_CODES: Final = range(10004, 11000)


class Verdict(Enum):
    """The three things that can have become of a request."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Retcode:
    """One line of the table: the verdict, and the sentence that the client reads in `error`."""

    verdict: Verdict
    sentence: str


def _refused(sentence: str) -> Retcode:
    return Retcode(Verdict.REFUSED, sentence)


RETCODES: Final[dict[int, Retcode]] = {
    REQUOTE: _refused("Requote: the price moved before the broker could fill the order."),
    REJECTED: _refused("The broker rejected the request."),
    CANCELED: _refused("The request was cancelled."),
    PLACED: Retcode(Verdict.ACCEPTED, "Order placed."),
    DONE: Retcode(Verdict.ACCEPTED, "Request executed."),
    DONE_PARTIAL: Retcode(Verdict.ACCEPTED, "Only part of the request was executed."),
    10011: Retcode(Verdict.UNKNOWN, "The broker failed while it processed the request."),
    10012: Retcode(Verdict.UNKNOWN, "The broker did not answer in time."),
    INVALID: _refused("Invalid request: the broker does not accept this combination of parameters."),
    INVALID_VOLUME: _refused("Invalid volume."),
    INVALID_PRICE: _refused("Invalid price: a limit or stop price must be on the right side of the market."),
    INVALID_STOPS: _refused("Invalid stops: the stop loss or take profit is on the wrong side or too near."),
    TRADE_DISABLED: _refused("Trading is disabled for this account or symbol."),
    MARKET_CLOSED: _refused("The market is closed."),
    10019: _refused("Not enough money for this order."),
    PRICE_CHANGED: _refused("The price changed before the broker could fill the order."),
    NO_PRICES: _refused("There are no quotes for this symbol now."),
    INVALID_EXPIRATION: _refused("Invalid expiration date."),
    ORDER_CHANGED: _refused("The order's state changed meanwhile."),
    10024: _refused("Too many requests to the broker: wait a second and try again."),
    NO_CHANGES: Retcode(Verdict.ACCEPTED, "Nothing to change."),
    SERVER_DISABLES: _refused("The broker forbids automated trading on this account."),
    CLIENT_DISABLES: _refused("Automated trading is switched off in the terminal: its operator must enable it."),
    10028: _refused("The request is locked for processing."),
    10029: _refused("The order or position is frozen: its price is too near to the market."),
    INVALID_FILL: _refused("The broker does not support this filling mode for the symbol."),
    NO_CONNECTION: _refused("The terminal has no connection to the broker's trade server."),
    10032: _refused("Allowed on real accounts only."),
    10033: _refused("The account's number of pending orders is at its limit."),
    10034: _refused("The volume of orders and positions in this symbol is at its limit."),
    10035: _refused("The symbol does not take this type of order."),
    POSITION_CLOSED: _refused("The position is already closed."),
    INVALID_CLOSE_VOLUME: _refused("The volume to close is larger than the position."),
    10039: _refused("An order to close this position is already being processed."),
    10040: _refused("The account's number of open positions is at its limit."),
    ACTIVATION_REJECTED: _refused("The activation of the pending order was rejected and the order cancelled."),
    10042: _refused("Only buying is allowed in this symbol."),
    10043: _refused("Only selling is allowed in this symbol."),
    10044: _refused("Only closing of positions is allowed in this symbol."),
    10045: _refused("The account must close its oldest position first (FIFO rule)."),
    10046: _refused("The account does not allow opposite positions in one symbol."),
}


def verdict_of(retcode: int, *, reached_server: bool) -> Verdict:
    """Judge a retcode. `reached_server`: the result carries a request id, so the request had left the terminal.

    A lost connection is a refusal only while the request was still in the terminal. A number that the table does not
    have is UNKNOWN once the request had left, and so is one that is no trade server's at all: better to look than to
    trade twice.
    """
    if retcode == NO_CONNECTION and reached_server:
        return Verdict.UNKNOWN
    known = RETCODES.get(retcode)
    if known is not None:
        return known.verdict
    is_plausible = retcode in _SERVER_CODES
    return Verdict.REFUSED if is_plausible and not reached_server else Verdict.UNKNOWN


def sentence_of(retcode: int) -> str:
    """Say what a retcode means, for the client."""
    known = RETCODES.get(retcode)
    return known.sentence if known is not None else f"The broker refused the request (retcode {retcode})."
