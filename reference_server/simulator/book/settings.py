"""What a broker grants an account: money, leverage, rules and limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

BY_CURRENCY = -1
DIGITS_OF_CURRENCY: Mapping[str, int] = MappingProxyType({"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0})
DEFAULT_DIGITS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """The terms of a new account. Raises ValueError, naming the setting, for a value that no account can have.

    `currency_digits` -1: as the currency has, 0 for the yen, 2 for the dollar.
    `margin_mode`: 0 netting, 1 exchange, 2 hedging; None: by the name of the server.
    `margin_call_level`, `stop_out_level`: in percent of the margin, or with `stop_out_in_money` an amount of equity.
    `limit_orders`, `limit_positions`: 0 means no limit.
    `fifo_close`: the oldest position in a symbol must be closed first. `hedging_prohibited`: no opposite positions.
    `trade_allowed` False: a read-only account. `trade_expert` False: algorithmic trading is forbidden.
    `trade_mode`: 0 demo, 1 contest, 2 real, which is only what the account says of itself.
    """

    deposit: float = 10_000.0
    credit: float = 0.0
    currency: str = "USD"
    currency_digits: int = BY_CURRENCY
    leverage: int = 100
    margin_mode: int | None = None
    margin_call_level: float = 100.0
    stop_out_level: float = 50.0
    stop_out_in_money: bool = False
    limit_orders: int = 200
    limit_positions: int = 0
    fifo_close: bool = False
    hedging_prohibited: bool = False
    trade_allowed: bool = True
    trade_expert: bool = True
    trade_mode: int = 0
    company: str = "Tonpo simulated broker"

    def __post_init__(self) -> None:
        if self.currency_digits == BY_CURRENCY:
            object.__setattr__(self, "currency_digits", DIGITS_OF_CURRENCY.get(self.currency, DEFAULT_DIGITS))
        for name in ("deposit", "credit", "margin_call_level", "stop_out_level", "limit_orders", "limit_positions"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")
        if not 0 <= self.currency_digits <= 8:
            raise ValueError(f"currency_digits must be from 0 to 8, not {self.currency_digits}")
        if self.leverage < 1:
            raise ValueError(f"leverage must be 1 or more, not {self.leverage}")
        if self.margin_mode not in (None, 0, 1, 2):
            raise ValueError(f"margin_mode must be 0 (netting), 1 (exchange) or 2 (hedging), not {self.margin_mode}")
        if self.trade_mode not in (0, 1, 2):
            raise ValueError(f"trade_mode must be 0 (demo), 1 (contest) or 2 (real), not {self.trade_mode}")
        if not self.currency:
            raise ValueError("currency must not be empty")
