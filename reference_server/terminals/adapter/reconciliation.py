"""Finding out what became of a request whose answer was lost. One look each; who asks decides how often to look.

A tag settles it. Where none could travel, or the broker may have rewritten the comment that held it, an order is
recognised by what was asked for and when. That is evidence and no proof: one that fits in every point is adopted, and
anything less clear is OutcomeUnknown. `None` says that nothing shows now, which is final only after a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from reference_server.domain.errors import OutcomeUnknown
from reference_server.domain.events import OrderSettled
from reference_server.domain.trading import KEEP, NewOrder, OrderResult, OrderType, PositionChange, Side
from reference_server.terminals.adapter import requests, retcodes
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import (
    ENTRIES_THAT_OPEN,
    ORDER_BUY,
    ORDER_BUY_LIMIT,
    ORDER_BUY_STOP_LIMIT,
    ORDER_SELL,
    ORDER_SELL_LIMIT,
    ORDER_SELL_STOP_LIMIT,
    POSITION_BUY,
    SELLING_ORDERS,
)
from reference_server.terminals.adapter.found import FoundResults
from reference_server.terminals.adapter.positions import Positions
from reference_server.terminals.adapter.settlements import Settlements
from reference_server.terminals.adapter.symbols import Symbols
from reference_server.terminals.adapter.tags import Tag, carry, client_magic, has_tag
from reference_server.terminals.adapter.traces import Trace, read_traces
from reference_server.usecases.ports import Clock

_BEFORE_SECONDS: Final = 300
"""How far before the request history is read: the clocks of host and server may differ."""
_AFTER_SECONDS: Final = 86_400
"""History must be asked for beyond the present, which stands still in the server's eyes while there are no ticks."""
_UNSURE_SECONDS: Final = 86_400
"""How much wider the range is on both sides while the server's clock is not known."""
_CLOCK_SYMBOLS: Final = 8
"""How many symbols' ticks tell the server's time."""
_SLACK_MS: Final = 1000
"""How much earlier than the request an order may seem to be and still be the one."""
_MOST_IN_DOUBT: Final = 1000
_NOISE: Final = 1e-9
_REACHED: Final = {ORDER_BUY_STOP_LIMIT: ORDER_BUY_LIMIT, ORDER_SELL_STOP_LIMIT: ORDER_SELL_LIMIT}
"""What a stop-limit order becomes when its first price is reached."""


class _Wanted(msgspec.Struct, frozen=True):
    """What a lost request asked for, as it would show on its order. `position_id`: of the position that it closes."""

    symbol: str | None
    type: int
    volume: float | None
    magic: int
    comment: str
    price: float | None = None
    stop_limit_price: float | None = None
    position_id: int = 0


class Reconciliation:
    """Looks at the terminal for requests whose outcome is unknown."""

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        broker_clock: BrokerClock,
        symbols: Symbols,
        positions: Positions,
        settlements: Settlements,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._broker_clock = broker_clock
        self._symbols = symbols
        self._positions = positions
        self._settlements = settlements
        self._found = FoundResults(symbols, positions)
        self._in_doubt: dict[tuple[Tag | None, _Wanted], None] = {}
        self._remembers_from_ms = 0

    def begin(self) -> None:
        """From now on every answered order is known."""
        self._remembers_from_ms = self._clock.now_ms()

    def remember(self, orders: Iterable[int], since_ms: int) -> None:
        """Learn the tickets of all orders that were answered between `since_ms` (UTC) and the login."""
        self._settlements.know(orders)
        self._remembers_from_ms = min(self._remembers_from_ms, since_ms - _SLACK_MS - 1)

    def doubt_of(self, order: NewOrder, tag: Tag | None) -> Callable[[], None]:
        """Return what is to be called when this order's outcome is unknown: what it explains is not another's then.

        The terminal is asked now, before the order is sent: afterwards its failure would hide that the order has left.
        Of a market order there is nothing to ask.
        """
        if order.order_type is OrderType.MARKET:
            return partial(self._doubt_order, order, tag)
        return partial(self._doubt, tag, self._wanted_order(order, tag))

    def _doubt_order(self, order: NewOrder, tag: Tag | None) -> None:
        self._doubt(tag, self._wanted_order(order, tag))

    def _doubt(self, tag: Tag | None, wanted: _Wanted) -> None:
        self._in_doubt[tag, wanted] = None
        if len(self._in_doubt) > _MOST_IN_DOUBT:
            del self._in_doubt[next(iter(self._in_doubt))]

    def find_order(
        self, order: NewOrder, tag: Tag | None, since_ms: int, *, is_earlier: bool = False
    ) -> OrderResult | None:
        """Look for a new order. Raises OutcomeUnknown when it cannot be told which it is, TerminalUnavailable."""
        wanted = self._wanted_order(order, tag)
        if is_earlier:
            self._doubt(tag, wanted)
        traces = [
            trace for trace in self._read(since_ms) if trace.symbol == order.symbol and not trace.is_of_the_server
        ]
        if self._positions.is_hedging:
            traces = [trace for trace in traces if trace.position_id in (0, trace.ticket)]
        trace = self._pick(traces, wanted, tag, since_ms, is_earlier=is_earlier)
        if trace is None:
            return None
        self._in_doubt.pop((tag, wanted), None)
        if order.order_type is OrderType.MARKET:
            result = self._found.executed(trace, order.volume)
            is_filled = _is_filled(result)
        else:
            result = self._found.placed(trace, wanted.price)
            is_filled = bool(trace.deals)
        self._settlements.report_found(
            OrderSettled(result, order.symbol, order.side, order.order_type), is_filled=is_filled
        )
        return result

    def find_close(
        self, ticket: int, volume: float | None, tag: Tag | None, since_ms: int, *, is_earlier: bool = False
    ) -> OrderResult | None:
        """Look for the closing of a position, or of a part. Raises OutcomeUnknown, TerminalUnavailable."""
        traces = [trace for trace in self._read(since_ms) if not trace.is_of_the_server]
        position = self._positions.find(ticket)
        identifier = ticket if position is None else int(position.identifier)
        chosen = self._tagged(traces, tag)
        if chosen is None:
            entries = [deal for deal in self._positions.deals(identifier) if deal.entry in ENTRIES_THAT_OPEN]
            held = position if position is not None else entries[-1] if entries else None
            if held is None:
                return None
            magic, comment = carry(tag, client_magic(held.magic), "")
            opposite = ORDER_SELL if held.type == POSITION_BUY else ORDER_BUY
            wanted = _Wanted(held.symbol, opposite, volume, magic, comment, position_id=identifier)
            exits = [
                trace
                for trace in traces
                if trace.ticket != identifier and trace.position_id == identifier and _fits_type(trace, opposite)
            ]
            chosen = self._pick(exits, wanted, tag, since_ms, is_earlier=is_earlier)
            if chosen is None:
                return None
        result = self._found.executed(chosen, volume)
        if result.success:
            result = replace(result, ticket=ticket)
        side = Side.SELL if chosen.is_sell else Side.BUY
        settled = OrderSettled(result, chosen.symbol, side, OrderType.MARKET)
        self._settlements.report_found(settled, is_filled=_is_filled(result))
        return result

    def find_modification(self, change: PositionChange) -> OrderResult | None:
        """See whether a position has the stop levels that were asked for. Raises TerminalUnavailable."""
        record = self._positions.find(change.ticket)
        if record is None:
            return None
        symbol = self._symbols.rules(record.symbol)
        for asked, present in ((change.sl, record.sl), (change.tp, record.tp)):
            if asked is KEEP:
                continue
            level = requests.at_tick(asked or 0.0, symbol)
            if round(present, symbol.digits) != level:
                return None
        return OrderResult(ticket=change.ticket, success=True, retcode=retcodes.DONE)

    def _wanted_order(self, order: NewOrder, tag: Tag | None) -> _Wanted:
        magic, comment = carry(tag, order.magic, order.comment)
        price = stop_limit_price = None
        if order.order_type is not OrderType.MARKET:
            symbol = self._symbols.rules(order.symbol)
            price = requests.at_tick(order.price or 0.0, symbol)
            if order.order_type is OrderType.STOP_LIMIT:
                stop_limit_price = requests.at_tick(order.stop_limit_price or 0.0, symbol)
        kind = requests.order_type(order)
        return _Wanted(order.symbol, kind, order.volume, magic, comment, price, stop_limit_price)

    def _read(self, since_ms: int) -> list[Trace]:
        """Everything from some minutes before the request until well after now.

        A request that seems to be sent later than the server's newest tick was stamped by a host's clock that was ahead
        (or the market rests): then the server's own time tells where to begin.
        """
        extra = 0 if self._broker_clock.is_known else _UNSURE_SECONDS
        to_server_ms = self._broker_clock.to_server_ms
        begun_ms = to_server_ms(since_ms)
        until_s = max(to_server_ms(self._clock.now_ms()), begun_ms) // 1000 + _AFTER_SECONDS + extra
        newest_ms = self._newest_tick_ms()
        if 0 < newest_ms < begun_ms - _BEFORE_SECONDS * 1000:
            begun_ms, extra = newest_ms, _UNSURE_SECONDS
        from_s = begun_ms // 1000 - _BEFORE_SECONDS - extra
        return read_traces(self._connection, max(0, from_s), until_s, is_hedging=self._positions.is_hedging)

    def _newest_tick_ms(self) -> int:
        """The newest tick of some lively symbols, in ms of the server's clock; 0 without any."""
        read = self._connection.module.symbol_info_tick
        ticks = (read(name) for name in self._symbols.lively(_CLOCK_SYMBOLS))
        return max((int(tick.time_msc) for tick in ticks if tick is not None), default=0)

    def _pick(
        self, traces: list[Trace], wanted: _Wanted, tag: Tag | None, since_ms: int, *, is_earlier: bool
    ) -> Trace | None:
        """Choose the one order that the request became. Raises OutcomeUnknown when several might be, or one might.

        `is_earlier`: the request was sent by a gateway that is gone, whose other orders nobody knows any more.
        """
        tagged = self._tagged(traces, tag)
        if tagged is not None:
            return tagged
        if tag is not None and wanted.magic == tag.magic:
            return None  # a tag in the magic number cannot get lost
        alike = [trace for trace in traces if self._is_like(trace, wanted)]
        if not alike:
            return None
        rivals = [other for key, other in self._in_doubt if key != tag and _same_terms(other, wanted)]
        if len(alike) == 1 and not rivals and not is_earlier and self._is_sure(alike[0], wanted, since_ms):
            return alike[0]
        raise OutcomeUnknown

    @staticmethod
    def _tagged(traces: list[Trace], tag: Tag | None) -> Trace | None:
        """The order with the tag: of several (one refused, the next sent in its place) the one that came furthest."""
        if tag is None:
            return None
        ours = [
            trace
            for trace in traces
            if any(tag.is_on(record.magic, record.comment) for record in _records(trace)) and not trace.is_of_the_server
        ]
        return max(ours, key=lambda trace: (bool(trace.deals), trace.is_active, trace.ticket), default=None)

    def _is_like(self, trace: Trace, wanted: _Wanted) -> bool:
        """Whether an order without the tag could be the one, and is not known to be another."""
        order = trace.order
        return (
            _fits_type(trace, wanted.type)
            and trace.magic == wanted.magic
            and (wanted.volume is None or abs(trace.volume - wanted.volume) < _NOISE or order is None)
            and (order is None or _has_prices(order, wanted))
            and not has_tag(trace.magic, trace.comment)
            and not self._settlements.is_own(trace.ticket)
        )

    def _is_sure(self, trace: Trace, wanted: _Wanted, since_ms: int) -> bool:
        """Whether an order that is like the wanted one is it: made after it, by a program, and no earlier one.

        What was sent before this adapter logged in may be the order of another request, unless it was told of those.
        """
        return (
            self._broker_clock.is_known
            and since_ms - _SLACK_MS > self._remembers_from_ms
            and trace.time_ms >= self._broker_clock.to_server_ms(since_ms) - _SLACK_MS
            and wanted.comment.startswith(trace.comment)
            and trace.is_of_a_program
            and (trace.order is not None or wanted.volume is None or abs(trace.volume - wanted.volume) < _NOISE)
        )


def _is_filled(result: OrderResult) -> bool:
    """Whether a market order's result tells its deals, also those that do not show yet."""
    return result.success and result.retcode != retcodes.PLACED


def _records(trace: Trace) -> list[Any]:
    return [record for record in (trace.order, *trace.deals, trace.position) if record is not None]


def _fits_type(trace: Trace, order_type: int) -> bool:
    """An order has the type asked for or what became of it; of a deal or position only the direction shows."""
    if trace.order is not None:
        return trace.order.type in (order_type, _REACHED.get(order_type))
    return trace.is_sell == (order_type in SELLING_ORDERS)


def _has_prices(order: Any, wanted: _Wanted) -> bool:
    """Whether a pending order has the prices asked for. A stop-limit order that was reached has only the second."""
    if wanted.price is None:
        return True
    is_reached = wanted.stop_limit_price is not None and order.type != wanted.type
    expected = [(order.price_open, wanted.stop_limit_price if is_reached else wanted.price)]
    if not is_reached:
        expected.append((order.price_stoplimit, wanted.stop_limit_price or 0.0))
    return all(abs(price - (asked or 0.0)) < _NOISE for price, asked in expected)


def _same_terms(one: _Wanted, other: _Wanted) -> bool:
    return replace(one, comment="") == replace(other, comment="")
