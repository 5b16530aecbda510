"""The market's prices of a symbol, and levels away from them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from conformance.reading import number

__all__ = ["Quote"]


@dataclass(frozen=True, slots=True)
class Quote:
    """The market's prices of one symbol at one moment. `digits` counts the decimals that they show."""

    symbol: str
    bid: float
    ask: float
    digits: int

    def below(self, percent: float) -> float:
        """Return a price that far below the market."""
        return round(self.bid * (1 - percent / 100), self.digits)

    def above(self, percent: float) -> float:
        """Return a price that far above the market."""
        return round(self.ask * (1 + percent / 100), self.digits)

    def stops(self, side: str, sl: float = 3.0, tp: float = 4.0) -> dict[str, Any]:
        """Return a stop loss and a take profit for a position of that side, so many percent from the market."""
        if side == "buy":
            return {"sl": self.below(sl), "tp": self.above(tp)}
        return {"sl": self.above(sl), "tp": self.below(tp)}

    def is_at(self, price: object, wanted: float | None) -> bool:
        """Say whether a level is the wanted one, to half a unit of the last decimal; None and 0 both mean none."""
        found = number(price)
        if wanted is None:
            return price is None or found == 0
        return found is not None and abs(found - Decimal(str(wanted))) <= Decimal(10) ** -self.digits / 2

    def is_near(self, price: object, percent: float = 5.0) -> bool:
        """Say whether a price is one of this market: no symbol moves 5 % within a check."""
        found = number(price)
        return found is not None and abs(found - Decimal(str(self.ask))) <= Decimal(str(self.ask * percent / 100))
