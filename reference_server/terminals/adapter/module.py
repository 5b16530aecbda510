"""The functions of the `MetaTrader5` package that the adapter uses, as a Protocol.

The package itself, a bridge to it, and the simulated terminal all have this shape. Records are read by attribute and
arrays by `tolist()`; both are `Any` because the package's record types have no static declaration.
Source: the package's own signatures; call styles matter (most functions refuse keywords), so parameters that must be
positional are positional here.
"""

from __future__ import annotations

from typing import Any, Protocol


class MetaTrader5Module(Protocol):
    """One connection to one terminal. A call that fails answers None or False and leaves its reason in `last_error`."""

    def initialize(self, *args: Any, **kwargs: Any) -> bool:
        """Connect to the terminal at `path` and log in with `login`, `password`, `server` within `timeout` ms."""
        ...

    def shutdown(self) -> bool:
        """Let go of the terminal; always True."""
        ...

    def last_error(self) -> tuple[int, str]:
        """Code and text of the call before."""
        ...

    def account_info(self) -> Any:
        """The account's figures, or None."""
        ...

    def terminal_info(self) -> Any:
        """State of the terminal, `connected` among it, or None."""
        ...

    def symbols_get(self, *args: Any, **kwargs: Any) -> Any:
        """All symbols as a tuple, or None."""
        ...

    def symbol_info(self, symbol: str, /) -> Any:
        """One symbol's specification, or None."""
        ...

    def symbol_info_tick(self, symbol: str, /) -> Any:
        """One symbol's newest tick, or None."""
        ...

    def symbol_select(self, symbol: str, enable: bool = True, /) -> bool:
        """Show a symbol in Market Watch, without which it has no ticks."""
        ...

    def copy_rates_from_pos(self, symbol: str, timeframe: int, start: int, count: int, /) -> Any:
        """Bars counted back from the forming one, oldest first, or None."""
        ...

    def copy_rates_from(self, symbol: str, timeframe: int, date_from: int, count: int, /) -> Any:
        """Bars counted back from the one that opened at a second of the server's clock or before, or None."""
        ...

    def copy_ticks_from(self, symbol: str, date_from: int, count: int, flags: int, /) -> Any:
        """Ticks from a whole second of the server's clock onwards, oldest first, or None."""
        ...

    def orders_get(self, **kwargs: Any) -> Any:
        """Pending orders as a tuple, or None."""
        ...

    def positions_get(self, **kwargs: Any) -> Any:
        """Open positions as a tuple, or None."""
        ...

    def history_orders_get(self, *args: Any, **kwargs: Any) -> Any:
        """Orders that are done, by two positional times of the server's clock, by `ticket` or `position`, or None."""
        ...

    def history_orders_total(self, date_from: int, date_to: int, /) -> Any:
        """How many orders were done between two times of the server's clock, or None."""
        ...

    def history_deals_total(self, date_from: int, date_to: int, /) -> Any:
        """How many deals there are between two times of the server's clock, or None."""
        ...

    def history_deals_get(self, *args: Any, **kwargs: Any) -> Any:
        """Deals, by two positional times of the server's clock or by `position`, or None."""
        ...

    def order_check(self, request: dict[str, Any], /) -> Any:
        """Check a trade request without sending it; retcode 0 says that it is sound. None is no verdict."""
        ...

    def order_send(self, request: dict[str, Any], /) -> Any:
        """Send a trade request. None is never the broker's refusal: that is a record with a retcode."""
        ...
