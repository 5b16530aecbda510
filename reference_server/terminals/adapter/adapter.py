"""The one adapter: drives a module shaped like the `MetaTrader5` package, and nothing else.

Synchronous, as the package is: who may block and for how long is decided by whoever calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from reference_server.domain.account import AccountInfo, Mt5Credentials
from reference_server.domain.errors import (
    GatewayError,
    OutcomeUnknown,
    PositionNotFound,
    PriceUnavailable,
    SymbolNotFound,
)
from reference_server.domain.events import OrderSettled
from reference_server.domain.market import Tick
from reference_server.domain.trading import KEEP, NewOrder, OrderResult, OrderType, Position, PositionChange, Side
from reference_server.terminals.adapter import requests, retcodes, shapes
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.connection import Connection, NothingFound
from reference_server.terminals.adapter.constants import EXECUTION_MARKET, MARGIN_MODE_HEDGING
from reference_server.terminals.adapter.login import log_in
from reference_server.terminals.adapter.module import MetaTrader5Module
from reference_server.terminals.adapter.positions import Positions
from reference_server.terminals.adapter.retcodes import Verdict
from reference_server.terminals.adapter.settlements import Settlements
from reference_server.terminals.adapter.symbols import Symbols, SymbolSpecification
from reference_server.usecases.ports import Clock

_REQUOTE_RETRIES: Final = 2
_VOLUME_NOISE: Final = 1e-9

DealBuilder = Callable[[SymbolSpecification, int, float | None], requests.Request]
"""Builds a deal from the symbol, a filling mode and a price."""


class MetaTraderAdapter:
    """One terminal, logged in to one account. `server_offsets_ms`: the offset of a server's clock, by server name."""

    def __init__(
        self, module: MetaTrader5Module, clock: Clock, *, server_offsets_ms: Mapping[str, int] | None = None
    ) -> None:
        self.clock = clock
        self.connection = Connection(module)
        self.symbol_book = Symbols(self.connection, clock)
        self.broker_clock = BrokerClock()
        self.position_book = Positions(self.connection, self.symbol_book, self.broker_clock)
        self.settlements = Settlements()
        self._module = module
        self._server_offsets_ms = server_offsets_ms or {}
        self._is_hedging = True

    def login(self, credentials: Mt5Credentials, **terminal: Any) -> AccountInfo:
        """Connect and log in. `terminal`: `path`, `portable`, `timeout` as `initialize` takes them.

        Raises LoginRefused, BrokerUnreachable.
        """
        account = log_in(self.connection, credentials, terminal)
        self.broker_clock = BrokerClock(override_ms=self._server_offsets_ms.get(credentials.server))
        self.position_book = Positions(self.connection, self.symbol_book, self.broker_clock)
        self.position_book.money_digits = account.currency_digits
        self._is_hedging = account.margin_mode == MARGIN_MODE_HEDGING
        self._look_at_the_clock()
        return shapes.account_info(account)

    def shutdown(self) -> None:
        """Let go of the terminal. Safe to call twice."""
        self._module.shutdown()

    def account_info(self) -> AccountInfo:
        """Read the account's figures."""
        return shapes.account_info(self.connection.answer(self._module.account_info(), "account_info"))

    def positions(self) -> Sequence[Position]:
        """Read all open positions."""
        return [self.position_book.shape(record) for record in self.position_book.records()]

    def position(self, ticket: int) -> Position:
        """Read one open position. Raises PositionNotFound."""
        return self.position_book.shape(self.position_book.record(ticket))

    def symbols(self) -> Sequence[str]:
        """All symbols that the broker lists."""
        return self.symbol_book.names()

    def knows_symbol(self, symbol: str) -> bool:
        """Whether the broker has this symbol."""
        try:
            self.symbol_book.specification(symbol)
        except SymbolNotFound:
            return False
        return True

    def price(self, symbol: str) -> Tick:
        """Read the newest tick. Raises SymbolNotFound, PriceUnavailable."""
        digits = self.symbol_book.digits(symbol)
        record = self._module.symbol_info_tick(symbol)
        if record is None:
            error = self.connection.failure("symbol_info_tick")
            if not isinstance(error, NothingFound):
                raise error
            raise PriceUnavailable(f"{symbol} has no price yet: try again.", retry_after_seconds=1)
        if not record.time_msc or not (record.bid or record.last):
            raise PriceUnavailable(f"{symbol} has no price yet: try again.", retry_after_seconds=1)
        time_ms = self.broker_clock.to_utc_ms(record.time_msc)
        return shapes.tick(symbol, record.bid, record.ask, record.last, record.volume, time_ms, digits=digits)

    def place_order(self, order: NewOrder) -> OrderResult:
        """Place a market, limit or stop order. Raises SymbolNotFound, TerminalUnavailable, OutcomeUnknown.

        The volume goes to the broker as it is: a wrong one is refused there and never rounded into another.
        """
        symbol = self.symbol_book.select(order.symbol)
        if order.order_type is OrderType.MARKET:
            answer = self._deal(
                symbol,
                order.side,
                lambda spec, filling, price: requests.market_order(order, spec, filling=filling, price=price),
            )
        else:
            answer = self._with_fillings(
                symbol,
                requests.pending_fillings,
                lambda spec, filling: requests.pending_order(order, spec, filling=filling),
            )
        if not _is_accepted(answer):
            result = _refusal(answer.retcode, symbol)
        elif order.order_type is OrderType.MARKET:
            result = self._filled(answer, self._ticket_of(answer, order.symbol), symbol)
        else:
            result = OrderResult(
                ticket=answer.order,
                success=True,
                retcode=answer.retcode,
                price=answer.request.price,
                volume=shapes.volume(order.volume),
                order=answer.order,
            )
        self._report(result, order.symbol, order.side, order.order_type)
        return result

    def close_position(self, ticket: int, volume: float | None = None) -> OrderResult:
        """Close all (None) or part of a position. Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown."""
        record = self.position_book.record(ticket)
        symbol = self.symbol_book.select(record.symbol)
        side = Side.BUY if record.type == 0 else Side.SELL
        lots = shapes.volume(record.volume) if volume is None else volume
        if lots > record.volume + _VOLUME_NOISE:
            result = _refusal(retcodes.INVALID_CLOSE_VOLUME, symbol)
        else:
            answer = self._deal(
                symbol,
                side.opposite,
                lambda spec, filling, price: requests.closing_deal(
                    ticket, side, lots, spec, filling=filling, price=price
                ),
            )
            if answer.retcode == retcodes.POSITION_CLOSED:
                raise PositionNotFound(f"The position {ticket} is already closed.")
            result = self._filled(answer, ticket, symbol) if _is_accepted(answer) else _refusal(answer.retcode, symbol)
        self._report(result, record.symbol, side.opposite, OrderType.MARKET)
        return result

    def modify_position(self, change: PositionChange) -> OrderResult:
        """Change the stop levels: what is KEEP is read first and sent again, since a level left out is removed.

        Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown.
        """
        record = self.position_book.record(change.ticket)
        symbol = self.symbol_book.select(record.symbol)
        sl = record.sl if change.sl is KEEP else change.sl
        tp = record.tp if change.tp is KEEP else change.tp
        answer = self._send(requests.stop_levels(change.ticket, symbol, sl=sl, tp=tp))
        if answer.retcode == retcodes.POSITION_CLOSED:
            raise PositionNotFound(f"The position {change.ticket} is already closed.")
        if not _is_accepted(answer):
            return _refusal(answer.retcode, symbol)
        return OrderResult(ticket=change.ticket, success=True, retcode=retcodes.DONE)

    def _deal(
        self,
        symbol: SymbolSpecification,
        side: Side,
        build: DealBuilder,
    ) -> Any:
        """Send a deal; under instant execution at the current price, and again with a fresh one when requoted."""
        for attempt in range(_REQUOTE_RETRIES + 1):
            price = self._deal_price(symbol, side)
            answer = self._with_fillings(symbol, requests.market_fillings, partial(_at_price, build, price))
            is_requote = answer.retcode in (retcodes.REQUOTE, retcodes.PRICE_CHANGED)
            if not is_requote or price is None or attempt == _REQUOTE_RETRIES:
                break
        return answer

    def _deal_price(self, symbol: SymbolSpecification, side: Side) -> float | None:
        """The price that a deal must name: none where the broker executes at the market."""
        if symbol.execution >= EXECUTION_MARKET:
            return None
        try:
            tick = self.price(symbol.name)
        except PriceUnavailable:
            return 0.0
        return tick.ask if side is Side.BUY else tick.bid

    def _with_fillings(
        self,
        symbol: SymbolSpecification,
        fillings: Callable[[SymbolSpecification], tuple[int, ...]],
        build: Callable[[SymbolSpecification, int], requests.Request],
    ) -> Any:
        """Send with the best filling mode; when the broker refuses it, read the symbol again and try one other."""
        first = fillings(symbol)[0]
        answer = self._send(build(symbol, first))
        if answer.retcode != retcodes.INVALID_FILL:
            return answer
        fresh = self.symbol_book.specification(symbol.name, refresh=True)
        others = [filling for filling in fillings(fresh) if filling != first]
        return self._send(build(fresh, others[0])) if others else answer

    def _send(self, request: requests.Request) -> Any:
        """Send one request and give its answer. Raises OutcomeUnknown where the answer does not settle it."""
        answer = self.connection.send(request)
        if retcodes.verdict_of(answer.retcode, reached_server=bool(answer.request_id)) is Verdict.UNKNOWN:
            raise OutcomeUnknown
        return answer

    def _ticket_of(self, answer: Any, symbol: str) -> int:
        """The position that a market order went into: its own on a hedging account, the symbol's one on a netting."""
        if self._is_hedging:
            return int(answer.order)
        try:
            return self.position_book.ticket_of_symbol(symbol) or int(answer.order)
        except (GatewayError, OSError, EOFError):  # the order is executed: nothing that is asked now may deny it
            return int(answer.order)

    def _filled(self, answer: Any, ticket: int, symbol: SymbolSpecification) -> OrderResult:
        return OrderResult(
            ticket=ticket,
            success=True,
            retcode=answer.retcode,
            price=round(answer.price, symbol.digits),
            volume=shapes.volume(answer.volume),
            order=answer.order,
            deal=answer.deal,
        )

    def _report(self, result: OrderResult, symbol: str, side: Side, order_type: OrderType) -> None:
        """Leave the outcome for the poller to announce."""
        is_filled = result.deal != 0
        self.settlements.report(OrderSettled(result, symbol, side, order_type), is_filled=is_filled)

    def _look_at_the_clock(self) -> None:
        """Find the server's offset from the newest of some symbols' ticks."""
        newest = 0
        # The first of the list are those that the broker expects to be traded, hence likely to have a fresh tick.
        for name in self.symbol_book.names()[:20]:
            record = self._module.symbol_info_tick(name)
            if record is not None and record.time_msc > newest:
                newest = record.time_msc
        if newest:
            self.broker_clock.observe(newest, self.clock.now_ms(), certain=False)


def _at_price(build: DealBuilder, price: float | None, symbol: SymbolSpecification, filling: int) -> requests.Request:
    return build(symbol, filling, price)


def _is_accepted(answer: Any) -> bool:
    return retcodes.verdict_of(answer.retcode, reached_server=bool(answer.request_id)) is Verdict.ACCEPTED


def _refusal(retcode: int, symbol: SymbolSpecification) -> OrderResult:
    """Say no, with the limits that were broken where there are any."""
    error = retcodes.sentence_of(retcode)
    if retcode == retcodes.INVALID_VOLUME:
        error = (
            f"Invalid volume: {symbol.name} takes {symbol.volume_min:g} to {symbol.volume_max:g} lots"
            f" in steps of {symbol.volume_step:g}."
        )
    elif retcode == retcodes.INVALID_STOPS and symbol.stops_level:
        error = f"{error} {symbol.name} needs a distance of at least {symbol.stops_level} points."
    return OrderResult(ticket=0, success=False, retcode=retcode, error=error)
