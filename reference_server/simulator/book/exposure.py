"""What one account has in one symbol, and the margin it needs for that."""

from dataclasses import dataclass, field

from reference_server.simulator.book.money import margin_in_margin_currency
from reference_server.simulator.book.records import Order, Position
from reference_server.simulator.market.symbols import SymbolProfile


@dataclass(slots=True)
class Exposure:
    """Positions and active orders of one symbol, by ticket. `margin` in the deposit currency, not rounded."""

    positions: dict[int, Position] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    long_volume: float = 0.0
    long_margin: float = 0.0
    short_volume: float = 0.0
    short_margin: float = 0.0

    def add(self, *, is_buy: bool, volume: float, margin: float) -> None:
        """Count a volume on one side; both numbers negative to take it away. A side without volume has no margin."""
        if is_buy:
            self.long_volume = round(self.long_volume + volume, 8)
            self.long_margin = self.long_margin + margin if self.long_volume else 0.0
        else:
            self.short_volume = round(self.short_volume + volume, 8)
            self.short_margin = self.short_margin + margin if self.short_volume else 0.0

    def margin(self, symbol: SymbolProfile) -> float:
        """Margin of the whole, with the discount for what is hedged."""
        return self._margin(symbol, self.long_volume, self.long_margin, self.short_volume, self.short_margin)

    def margin_with(self, symbol: SymbolProfile, *, is_buy: bool, volume: float, margin: float) -> float:
        """Margin of the whole if this volume were added."""
        if is_buy:
            return self._margin(
                symbol, self.long_volume + volume, self.long_margin + margin, self.short_volume, self.short_margin
            )
        return self._margin(
            symbol, self.long_volume, self.long_margin, self.short_volume + volume, self.short_margin + margin
        )

    @staticmethod
    def _margin(
        symbol: SymbolProfile, long_volume: float, long_margin: float, short_volume: float, short_margin: float
    ) -> float:
        if not short_volume:
            return long_margin
        if not long_volume:
            return short_margin
        if symbol.margin_hedged_use_leg:
            return max(long_margin, short_margin)
        covered = min(long_volume, short_volume)
        if long_volume >= short_volume:
            uncovered = long_margin * (long_volume - short_volume) / long_volume
        else:
            uncovered = short_margin * (short_volume - long_volume) / short_volume
        if not symbol.margin_hedged:
            return uncovered
        unit = symbol.margin_initial or symbol.contract_size
        average = (long_margin + short_margin) / (long_volume + short_volume)
        return uncovered + covered * average * symbol.margin_hedged / unit


def position_margin(symbol: SymbolProfile, position: Position, volume: float, leverage: int) -> float:
    """Margin of `volume` lots of a position at the price and rate of its opening."""
    return margin_in_margin_currency(symbol, volume, position.price_open, leverage) * position.margin_rate
