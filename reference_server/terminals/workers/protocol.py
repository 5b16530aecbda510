"""What the gateway and a worker process say to each other, as msgpack over the worker's standard input and output.

The gateway sends one `Call` at a time and waits for its answer; `Watch` needs none. Before each request to the broker
leaves, the worker says `Sending`: a worker that dies before it has done nothing. Secrets travel in `Open` alone.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from reference_server.domain import errors
from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import GatewayError, InternalError, Violation
from reference_server.domain.events import (
    AccountChanged,
    CandleClosed,
    ConnectionChanged,
    OrderSettled,
    PositionChanged,
    TerminalEvent,
    TickArrived,
)
from reference_server.domain.market import Timeframe
from reference_server.domain.trading import HistoryQuery, NewOrder
from reference_server.terminals.workers.intents import Cancelling, Changing, Closing, Modifying, Placing
from reference_server.terminals.workers.sources import OwnSource, Source
from reference_server.terminals.workers.unsettled import Remembered
from reference_server.usecases.ports import BrokerUnreachable, LoginRefused


class Open(msgspec.Struct, frozen=True, tag=True):
    """Start the terminal `seat` of this worker and log in; answered with None."""

    number: int
    seat: int
    account_id: str
    credentials: Mt5Credentials
    source: Source
    poll_interval_seconds: float
    remembered: Remembered | None = None
    server_zone: str | None = None
    """The clock of the credentials' server, as settings have it; None: to be found out."""


class Trade(msgspec.Struct, frozen=True, tag=True):
    """Send this once; answered with an OrderResult."""

    number: int
    seat: int
    intent: Placing | Closing | Modifying | Changing | Cancelling


class Look(msgspec.Struct, frozen=True, tag=True):
    """Look for this once; answered with an OrderResult or None."""

    number: int
    seat: int
    intent: Placing | Closing | Modifying | Changing | Cancelling


class Read(msgspec.Struct, frozen=True, tag=True):
    """Make a reading call of the Terminal port; answered with what it returns."""

    number: int
    seat: int
    call: Literal[
        "account_info",
        "positions",
        "position",
        "orders",
        "order",
        "symbols",
        "price",
        "specification",
        "knows_symbol",
    ]
    arguments: tuple[int | str, ...] = ()


class Past(msgspec.Struct, frozen=True, tag=True):
    """Read the account's past; answered with a list of Deal or Order."""

    number: int
    seat: int
    call: Literal["deals", "past_orders"]
    query: HistoryQuery


class Bars(msgspec.Struct, frozen=True, tag=True):
    """Read candles; answered with a list of Candle."""

    number: int
    seat: int
    symbol: str
    timeframe: Timeframe
    from_ms: int | None
    to_ms: int | None
    limit: int


class Check(msgspec.Struct, frozen=True, tag=True):
    """Have an order checked; answered with an OrderCheck."""

    number: int
    seat: int
    order: NewOrder


class Close(msgspec.Struct, frozen=True, tag=True):
    """Log out and free the seat; answered with None."""

    number: int
    seat: int


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Close all that is open, save what is to be saved, answer None and exit."""

    number: int


class Watch(msgspec.Struct, frozen=True, tag=True):
    """Replace the market data that is told."""

    seat: int
    symbols: tuple[str, ...]
    candles: tuple[tuple[str, Timeframe], ...]


class Given(msgspec.Struct, frozen=True, tag=True):
    """What an agent tells its worker before its gateway speaks: whose terminals it opens, whatever `Open` names.

    `lock`: a file that one worker of the agent holds at a time; it opens nothing while an earlier one still lives.
    """

    source: OwnSource
    lock: str


Call = Open | Trade | Look | Read | Past | Bars | Check | Close | Stop
Message = Call | Watch | Given


class Ticked(msgspec.Struct, frozen=True, tag=True):
    """See the event that it holds; so do the five that follow."""

    event: TickArrived


class CandleTold(msgspec.Struct, frozen=True, tag=True):
    """A bar closed."""

    event: CandleClosed


class PositionTold(msgspec.Struct, frozen=True, tag=True):
    """A position changed."""

    event: PositionChanged


class SettledTold(msgspec.Struct, frozen=True, tag=True):
    """An order was settled."""

    event: OrderSettled


class AccountTold(msgspec.Struct, frozen=True, tag=True):
    """The account's figures moved."""

    event: AccountChanged


class ConnectionTold(msgspec.Struct, frozen=True, tag=True):
    """The terminal's connection changed."""

    event: ConnectionChanged


Told = Ticked | CandleTold | PositionTold | SettledTold | AccountTold | ConnectionTold


class Events(msgspec.Struct, frozen=True, tag=True):
    """What a terminal said by itself, in order."""

    seat: int
    told: list[Told]


class Sending(msgspec.Struct, frozen=True, tag=True):
    """A request of this trade leaves now: from here on it may be executed."""

    number: int


class Answered(msgspec.Struct, frozen=True, tag=True):
    """The call returned this."""

    number: int
    value: msgspec.Raw


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The call raised this error of `ERRORS`."""

    number: int
    error: str
    message: str
    retry_after_seconds: float | None = None
    violations: tuple[Violation, ...] = ()


class Beat(msgspec.Struct, frozen=True, tag=True):
    """The worker is alive and not held up."""


Report = Events | Sending | Answered | Refused | Beat

ERRORS: Final[dict[str, type[Exception]]] = {
    **{name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, GatewayError)},
    LoginRefused.__name__: LoginRefused,
    BrokerUnreachable.__name__: BrokerUnreachable,
}

_TOLD: Final[dict[type, type]] = {
    TickArrived: Ticked,
    CandleClosed: CandleTold,
    PositionChanged: PositionTold,
    OrderSettled: SettledTold,
    AccountChanged: AccountTold,
    ConnectionChanged: ConnectionTold,
}


def told(event: TerminalEvent) -> Told:
    """Wrap an event for its way."""
    wrapped: Told = _TOLD[type(event)](event)
    return wrapped


def refusal(number: int, error: Exception) -> Refused:
    """Put an error into words for its way: the nearest class that the other side knows. Raises it if there is none."""
    name = next((kind.__name__ for kind in type(error).__mro__ if ERRORS.get(kind.__name__) is kind), None)
    if name is None:
        raise error
    if isinstance(error, GatewayError):
        return Refused(number, name, error.message, error.retry_after_seconds, error.violations)
    return Refused(number, name, str(error))


def error_of(refused: Refused) -> Exception:
    """Make the error again."""
    kind = ERRORS.get(refused.error, InternalError)
    if issubclass(kind, GatewayError):
        return kind(refused.message, retry_after_seconds=refused.retry_after_seconds, violations=refused.violations)
    return kind(refused.message)
