"""What one account has in one symbol, and the margin it needs for that."""

from dataclasses import dataclass, field

from reference_server.simulator.book.money import lots, margin_in_margin_currency
from reference_server.simulator.book.records import STOP_TYPES, Order, Position
from reference_server.simulator.listing.symbols import SymbolProfile


@dataclass(slots=True)
class Exposure:
    """Positions and active orders of one symbol, by ticket. Margins in the deposit currency, not rounded.

    `is_reserving`: some active order holds margin; `buy_limits`, `sell_limits` and `stops` say how much.
    """

    is_netting: bool = False
    positions: dict[int, Position] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    long_volume: float = 0.0
    long_margin: float = 0.0
    short_volume: float = 0.0
    short_margin: float = 0.0
    is_reserving: bool = False
    buy_limits: float = 0.0
    sell_limits: float = 0.0
    stops: float = 0.0

    def add(self, *, is_buy: bool, volume: float, margin: float) -> None:
        """Count a volume on one side; both numbers negative to take it away. A side without volume has no margin."""
        if is_buy:
            self.long_volume = lots(self.long_volume + volume)
            self.long_margin = self.long_margin + margin if self.long_volume else 0.0
        else:
            self.short_volume = lots(self.short_volume + volume)
            self.short_margin = self.short_margin + margin if self.short_volume else 0.0

    def reserve(self) -> None:
        """Count again what the active orders hold: stops and stop-limits together, all others by side."""
        self.buy_limits = self.sell_limits = self.stops = 0.0
        for order in self.orders.values():
            if order.type in STOP_TYPES:
                self.stops += order.margin
            elif order.is_buy:
                self.buy_limits += order.margin
            else:
                self.sell_limits += order.margin
        self.is_reserving = any(order.margin for order in self.orders.values())

    @property
    def is_covered(self) -> bool:
        """Whether as much is held long as short."""
        return self.long_volume == self.short_volume

    def margin(self, symbol: SymbolProfile) -> float:
        """Margin of the whole, with the discount for what is hedged, and with what orders hold."""
        held = self._margin(symbol, self.long_volume, self.long_margin, self.short_volume, self.short_margin)
        return self._with_orders(held, is_long=self.long_volume > 0) if self.is_reserving else held

    def margin_with(self, symbol: SymbolProfile, *, is_buy: bool, volume: float, margin: float) -> float:
        """Margin of the whole if this volume were added.

        Netting: what goes against the position needs none up to its volume; beyond, the greater margin of the two
        sides counts.
        """
        opposite_volume, opposite = (
            (self.short_volume, self.short_margin) if is_buy else (self.long_volume, self.long_margin)
        )
        if self.is_netting and opposite_volume:
            beyond = margin * (volume - opposite_volume) / volume if volume > opposite_volume else 0.0
            held, is_long = max(opposite, beyond), is_buy == (beyond > 0)
        elif is_buy:
            held = self._margin(
                symbol, self.long_volume + volume, self.long_margin + margin, self.short_volume, self.short_margin
            )
            is_long = True
        else:
            held = self._margin(
                symbol, self.long_volume, self.long_margin, self.short_volume + volume, self.short_margin + margin
            )
            is_long = False
        return self._with_orders(held, is_long=is_long) if self.is_reserving else held

    def _with_orders(self, held: float, *, is_long: bool) -> float:
        """Stops are added; of limits on two sides the bigger side counts, together with a position of that side."""
        if not self.is_netting:
            return held + self.buy_limits + self.sell_limits + self.stops
        along, against = (self.buy_limits, self.sell_limits) if is_long else (self.sell_limits, self.buy_limits)
        return max(held + along, against) + self.stops

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
        unit = symbol.margin_maintenance or symbol.margin_initial or symbol.contract_size
        average = (long_margin + short_margin) / (long_volume + short_volume)
        return uncovered + covered * average * symbol.margin_hedged / unit


def position_margin(symbol: SymbolProfile, position: Position, volume: float, leverage: int) -> float:
    """Margin of `volume` lots of a position at the price and rate of its opening."""
    margin = margin_in_margin_currency(
        symbol, volume, position.price_open, leverage, is_buy=position.is_buy, is_position=True
    )
    return margin * position.margin_rate
