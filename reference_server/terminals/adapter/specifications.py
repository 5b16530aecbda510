"""What a trader must know of a symbol. Asked for with every price, so it is kept for a moment."""

from __future__ import annotations

from typing import Final

from reference_server.domain.market import Session, SymbolSpecification
from reference_server.terminals.adapter.candles import Candles
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.constants import (
    EXECUTION_MARKET,
    FILLING_MASK_BOC,
    FILLING_MASK_FOK,
    FILLING_MASK_IOC,
)
from reference_server.terminals.adapter.sessions import SESSION_BARS, SESSION_TIMEFRAME, sessions_of
from reference_server.terminals.adapter.symbols import Symbols
from reference_server.usecases.ports import Clock

SPECIFICATION_SECONDS: Final = 2.0
"""How long one is kept: the value of a tick moves with the prices of currencies."""
_SESSION_SECONDS: Final = 6 * 3600.0
_NO_SESSION_SECONDS: Final = 60.0
"""How long it is not tried again to read bars where there were too few."""


class Specifications:
    """The specifications of one account's symbols."""

    def __init__(self, symbols: Symbols, candles: Candles, broker_clock: BrokerClock, clock: Clock) -> None:
        self._symbols = symbols
        self._candles = candles
        self._broker_clock = broker_clock
        self._clock = clock
        self._kept: dict[str, tuple[float, SymbolSpecification]] = {}
        self._sessions: dict[str, tuple[float, tuple[Session, ...] | None]] = {}

    def of(self, symbol: str) -> SymbolSpecification:
        """Give a symbol's specification. Raises SymbolNotFound, TerminalUnavailable.

        `sessions` are derived from the bars of the last three weeks, see `sessions.py`; None where there are too few.
        """
        now = self._clock.monotonic()
        kept = self._kept.get(symbol)
        if kept is not None and now < kept[0]:
            return kept[1]
        specification = self._read(symbol)
        self._kept[symbol] = (now + SPECIFICATION_SECONDS, specification)
        return specification

    def sessions(self, symbol: str) -> tuple[Session, ...] | None:
        """Give a symbol's sessions, read at most every few hours; None where they cannot be told."""
        now = self._clock.monotonic()
        kept = self._sessions.get(symbol)
        if kept is not None and now < kept[0]:
            return kept[1]
        self._symbols.show(symbol)
        rows = self._candles.last_bars(symbol, SESSION_TIMEFRAME, SESSION_BARS) or []
        now_ms = self._clock.now_ms()
        server_ms = self._broker_clock.server_now_ms(now_ms)
        offset_ms = self._broker_clock.to_server_ms(now_ms) - now_ms
        sessions = sessions_of([int(row[0]) for row in rows], server_ms // 1000, offset_ms // 1000)
        self._sessions[symbol] = (now + (_NO_SESSION_SECONDS if sessions is None else _SESSION_SECONDS), sessions)
        return sessions

    def _read(self, symbol: str) -> SymbolSpecification:
        info = self._symbols.record(symbol)
        return SymbolSpecification(
            symbol=symbol,
            digits=int(info.digits),
            tick_size=float(info.trade_tick_size or info.point),
            tick_value=float(info.trade_tick_value),
            contract_size=float(info.trade_contract_size),
            volume_min=float(info.volume_min),
            volume_max=float(info.volume_max),
            volume_step=float(info.volume_step),
            stops_level=int(info.trade_stops_level),
            filling_modes=_filling_modes(int(info.filling_mode), int(info.trade_exemode)),
            currency_base=str(info.currency_base),
            currency_profit=str(info.currency_profit),
            currency_margin=str(info.currency_margin),
            sessions=self.sessions(symbol),
        )


def _filling_modes(mask: int, execution: int) -> tuple[str, ...]:
    """Ways in which an order may be filled. Source: MQL5 reference, filling by execution mode.

    Under request and instant execution all but book-or-cancel are allowed whatever the mask says; a remainder that
    stays in the market ("return") is never allowed under market execution.
    """
    is_free = execution < EXECUTION_MARKET
    allowed = {
        "fok": is_free or mask & FILLING_MASK_FOK,
        "ioc": is_free or mask & FILLING_MASK_IOC,
        "return": execution != EXECUTION_MARKET,
        "boc": not is_free and mask & FILLING_MASK_BOC,
    }
    return tuple(mode for mode, is_allowed in allowed.items() if is_allowed)
