"""The terminal's connection and its switches: what keeps it from trading or from prices, told when it changes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from reference_server.domain.events import ConnectionChanged, Trouble
from reference_server.terminals.adapter.adapter import MetaTraderAdapter

_INTERVAL_SECONDS: Final = 1.0
_FEED_INTERVAL_SECONDS: Final = 10.0
_FROZEN_SECONDS: Final = 300.0
"""The majors move every second while currencies are traded, but for some minutes at the end of the day."""
_MOST_SYMBOLS: Final = 8
_SENTENCES: Final = {
    Trouble.TERMINAL_GONE: "The terminal does not answer any more.",
    Trouble.BROKER_LOST: "The terminal has lost its broker.",
    Trouble.AUTOTRADING_OFF: "AutoTrading is switched off in the terminal: its operator must switch it on.",
    Trouble.API_DISABLED: "The terminal's options forbid trading by Python programs: its operator must allow it.",
    Trouble.READ_ONLY: "The account may not trade: it is disabled, or was opened with the investor password.",
    Trouble.EXPERTS_FORBIDDEN: "The broker forbids automated trading on this account.",
    Trouble.FEED_FROZEN: "No price has moved for minutes although currencies are traded: the price feed may be frozen.",
}


class ConnectionFollower:
    """Follows the state of one terminal."""

    def __init__(self, adapter: MetaTraderAdapter) -> None:
        self._adapter = adapter
        self._troubles: tuple[Trouble, ...] = ()
        self._next_look = 0.0
        self._next_feed_look = 0.0
        self._moved_at: float | None = None
        self._newest: dict[str, int] = {}
        self.alive = True

    def poll(self) -> list[ConnectionChanged]:
        """Look once a second; of a dead terminal, whether it is back. Raises TerminalUnavailable."""
        now = self._adapter.clock.monotonic()
        if now < self._next_look:
            return []
        self._next_look = now + _INTERVAL_SECONDS
        connection = self._adapter.connection
        terminal = connection.answer(connection.module.terminal_info(), "terminal_info")
        account = connection.answer(connection.module.account_info(), "account_info")
        self._look_at_feed(now)
        return self._tell(self._present(terminal, account, now))

    def gone(self, detail: str) -> list[ConnectionChanged]:
        """The terminal does not answer: tell it once."""
        if not self.alive:
            return []
        self.alive = False
        self._troubles = (Trouble.TERMINAL_GONE,)
        return [ConnectionChanged(connected=False, alive=False, detail=detail, troubles=self._troubles)]

    def _tell(self, troubles: tuple[Trouble, ...]) -> list[ConnectionChanged]:
        if troubles == self._troubles and self.alive:
            return []
        self.alive, self._troubles = True, troubles
        return [
            ConnectionChanged(
                connected=Trouble.BROKER_LOST not in troubles,
                detail=" ".join(_SENTENCES[trouble] for trouble in troubles),
                troubles=troubles,
            )
        ]

    def _present(self, terminal: Any, account: Any, now: float) -> tuple[Trouble, ...]:
        if not terminal.connected:
            return (Trouble.BROKER_LOST,)  # what the switches of an account say without its server is old
        signs = {
            Trouble.AUTOTRADING_OFF: not terminal.trade_allowed,
            Trouble.API_DISABLED: terminal.tradeapi_disabled,
            Trouble.READ_ONLY: not account.trade_allowed,
            Trouble.EXPERTS_FORBIDDEN: not account.trade_expert,
            Trouble.FEED_FROZEN: self._moved_at is not None
            and now - self._moved_at > _FROZEN_SECONDS
            and _are_currencies_traded(self._adapter.clock.now_ms()),
        }
        return tuple(trouble for trouble, is_there in signs.items() if is_there)

    def _look_at_feed(self, now: float) -> None:
        """Note when the price of any of some lively symbols last moved."""
        if now < self._next_feed_look:
            return
        self._next_feed_look = now + _FEED_INTERVAL_SECONDS
        read = self._adapter.connection.module.symbol_info_tick
        newest = {}
        for symbol in self._adapter.symbol_book.lively(_MOST_SYMBOLS):
            record = read(symbol)
            if record is not None and record.time_msc:
                newest[symbol] = int(record.time_msc)
        if not _are_currencies_traded(self._adapter.clock.now_ms()):
            self._moved_at = None  # the week's first tick may come late: count from the opening
        elif newest != self._newest or self._moved_at is None:
            self._moved_at = now
        self._newest = newest


def _are_currencies_traded(utc_ms: int) -> bool:
    """Monday to Friday, with room at both ends for every broker's hours."""
    moment = datetime.fromtimestamp(utc_ms // 1000, UTC)
    hours = moment.weekday() * 24 + moment.hour
    return hours < 4 * 24 + 20
