"""What would happen to an order if it were sent now. Nothing is sent."""

from __future__ import annotations

from typing import Any, Final

from reference_server.domain.trading import NewOrder, OrderCheck
from reference_server.terminals.adapter import retcodes
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import CHECKED
from reference_server.terminals.adapter.dispatch import Rehearsal
from reference_server.terminals.adapter.placing import can_expire, send_order
from reference_server.terminals.adapter.positions import Positions
from reference_server.terminals.adapter.refusals import refusal_sentence
from reference_server.terminals.adapter.sessions import is_within
from reference_server.terminals.adapter.specifications import Specifications
from reference_server.terminals.adapter.symbols import Symbols, TradingRules
from reference_server.usecases.ports import Clock

_QUIET_MS: Final = 60_000
"""Outside its sessions a market without a tick for so long is closed; sessions alone are only derived."""
_LEVEL_DIGITS: Final = 2
_SOUND: Final = frozenset({CHECKED, retcodes.DONE, retcodes.PLACED})


class OrderChecks:
    """Checks orders of one account."""

    def __init__(
        self,
        connection: Connection,
        symbols: Symbols,
        specifications: Specifications,
        positions: Positions,
        broker_clock: BrokerClock,
        clock: Clock,
        rehearsal: Rehearsal,
    ) -> None:
        self._connection = connection
        self._symbols = symbols
        self._specifications = specifications
        self._positions = positions
        self._broker_clock = broker_clock
        self._clock = clock
        self._rehearsal = rehearsal

    def check(self, order: NewOrder) -> OrderCheck:
        """Check an order built as it would be sent. Raises SymbolNotFound, TerminalUnavailable.

        The terminal's check passes while the market is closed or the account may not trade: these are looked at too.
        """
        symbol = self._symbols.select(order.symbol)
        if not can_expire(order, symbol):
            return _refused(retcodes.INVALID_EXPIRATION, symbol)
        answer = send_order(self._rehearsal, symbol, order, self._broker_clock)
        retcode = int(answer.retcode)
        if retcode in _SOUND:
            obstacle = self._obstacle(symbol)
            retcode = CHECKED if obstacle is None else obstacle
        digits = self._positions.money_digits
        says = bool(answer.balance or answer.equity or answer.margin)
        return OrderCheck(
            success=retcode == CHECKED,
            retcode=retcode,
            error=None if retcode == CHECKED else refusal_sentence(retcode, symbol),
            balance=round(answer.balance, digits) if says else None,
            equity=round(answer.equity, digits) if says else None,
            margin=round(answer.margin, digits) if says else None,
            free_margin=round(answer.margin_free, digits) if says else None,
            margin_level=round(answer.margin_level, _LEVEL_DIGITS) if says else None,
        )

    def _obstacle(self, symbol: TradingRules) -> int | None:
        """The retcode with which a sound order would be refused now, or None."""
        connection = self._connection
        terminal = connection.answer(connection.module.terminal_info(), "terminal_info")
        account = connection.answer(connection.module.account_info(), "account_info")
        if not terminal.connected:
            return retcodes.NO_CONNECTION
        if not terminal.trade_allowed or terminal.tradeapi_disabled:
            return retcodes.CLIENT_DISABLES
        if not account.trade_allowed:
            return retcodes.TRADE_DISABLED
        if not account.trade_expert:
            return retcodes.SERVER_DISABLES
        return retcodes.MARKET_CLOSED if self._is_closed(symbol.name) else None

    def _is_closed(self, symbol: str) -> bool:
        sessions = self._specifications.sessions(symbol)
        now_ms = self._clock.now_ms()
        if sessions is None or is_within(sessions, now_ms):
            return False
        tick: Any = self._symbols.tick(symbol)
        return tick is None or self._broker_clock.server_now_ms(now_ms) - tick.time_msc > _QUIET_MS


def _refused(retcode: int, symbol: TradingRules) -> OrderCheck:
    return OrderCheck(success=False, retcode=retcode, error=refusal_sentence(retcode, symbol))
