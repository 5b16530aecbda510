"""What an account must say of itself, worked out again from its deals and the formulas of MetaTrader 5.

Nothing here calls the simulator's own calculations: it reads what a user of the module can read, and the margin rates
of the symbol file, which the module does not show.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reference_server.simulator import SymbolProfile
from tests.simulator.conftest import Desk

FOREX = (0, 5)
FUTURES = (1, 33)
CLOSED_STATES = {2: "cancelled", 3: "partial", 4: "filled", 5: "rejected", 6: "expired"}


@dataclass
class Held:
    """A position as its deals say it must be. `rate` converts its margin, as it was at the opening."""

    symbol: str
    side: int
    volume: float
    price: float
    rate: float


class Oracle:
    """Follows one account. Call `observe` after each step that can have moved at most one price."""

    def __init__(self, desk: Desk, profiles: Iterable[SymbolProfile]) -> None:
        self.mt5 = desk.mt5
        self.desk = desk
        self.profiles = {profile.name: profile for profile in profiles}
        info = self.mt5.account_info()
        self.currency, self.leverage = info.currency, info.leverage
        self.unit = float(10.0**-info.currency_digits)
        self.is_hedging = info.margin_mode == 2
        self.is_exchange = info.margin_mode == 1
        self.held: dict[int, Held] = {}
        self.seen = 0

    def near(self, actual: float, exact: float, *, roundings: int = 1) -> bool:
        """Whether an amount is the exact one, rounded to the currency so many times."""
        return abs(actual - exact) <= self.unit * (0.5 * roundings + 1e-6) + abs(exact) * 1e-9

    def ask(self, symbol: str) -> float:
        return float(self.mt5.symbol_info_tick(symbol).ask)

    def bid(self, symbol: str) -> float:
        return float(self.mt5.symbol_info_tick(symbol).bid)

    def _pair(self, base: str, quoted: str) -> str | None:
        for profile in self.profiles.values():
            if profile.calc_mode in FOREX and (profile.currency_base, profile.currency_profit) == (base, quoted):
                return profile.name
        return None

    def convert(self, currency: str, *, dear: bool) -> float:
        """Deposit currency per unit: at the dearer or the cheaper side, through dollars if need be."""
        return self._convert(currency, self.currency, dear=dear)

    def _convert(self, currency: str, into: str, *, dear: bool) -> float:
        if currency == into:
            return 1.0
        pair = self._pair(currency, into)
        if pair:
            return self.ask(pair) if dear else self.bid(pair)
        pair = self._pair(into, currency)
        if pair:
            return 1 / (self.bid(pair) if dear else self.ask(pair))
        return self._convert(currency, "USD", dear=dear) * self._convert("USD", into, dear=dear)

    def profit(self, symbol: str, side: int, volume: float, opened: float, closed: float) -> float:
        """Section 4.5 and 4.6 of the facts."""
        profile = self.profiles[symbol]
        difference = (closed - opened) * (1 - 2 * side)
        if profile.calc_mode in FUTURES and profile.tick_value:
            amount = difference * volume * profile.tick_value / (profile.tick_size or 10.0**-profile.digits)
        else:
            amount = difference * volume * profile.contract_size
        if profile.currency_profit == self.currency:
            return amount
        if profile.calc_mode in FOREX and profile.currency_base == self.currency:
            return amount / closed
        return amount * self.convert(profile.currency_profit, dear=amount < 0)

    def margin_rate(self, symbol: str, side: int, price: float) -> float:
        """The side of the quote by the direction of the trade; a pair with the deposit currency has its own price."""
        profile = self.profiles[symbol]
        if profile.currency_margin == self.currency:
            return 1.0
        if profile.calc_mode in FOREX and profile.currency_profit == self.currency:
            return price
        return self.convert(profile.currency_margin, dear=side == 0)

    def margin(self, symbol: str, side: int, volume: float, price: float, *, position: bool) -> float:
        """Section 4.4 of the facts, in the margin currency."""
        profile = self.profiles[symbol]
        rate = profile.margin_rate if side == 0 or profile.margin_rate_sell is None else profile.margin_rate_sell
        if position and profile.margin_maintenance:
            return volume * profile.margin_maintenance * rate
        if profile.margin_initial:
            return volume * profile.margin_initial * rate
        lots = volume * profile.contract_size * rate
        ticks: float = 1.0
        if profile.calc_mode == 3 and profile.tick_value:
            ticks = profile.tick_value / (profile.tick_size or 10.0**-profile.digits)
        by_mode: dict[int, float] = {0: lots / self.leverage, 5: lots, 2: lots * price, 3: lots * price * ticks,
                   4: lots * price / self.leverage, 32: lots * price, 38: lots * price}  # fmt: skip
        return by_mode[profile.calc_mode]

    def observe(self) -> None:
        """Book the deals since the last time, at the prices of now, and judge each."""
        deals = self.desk.deals()
        for deal in deals[self.seen :]:
            if deal.type in (0, 1):
                self._book(deal)
        self.seen = len(deals)

    def _book(self, deal: Any) -> None:
        held = self.held.get(deal.position_id)
        if deal.entry == 0:
            assert deal.profit == deal.swap == 0.0
            rate = self.margin_rate(deal.symbol, deal.type, deal.price)
            if held is None:
                self.held[deal.position_id] = Held(deal.symbol, deal.type, deal.volume, deal.price, rate)
                return
            assert held.side == deal.type
            total = held.volume + deal.volume
            held.price = (held.price * held.volume + deal.price * deal.volume) / total
            held.rate = (held.rate * held.volume + rate * deal.volume) / total
            held.volume = round(total, 8)
            return
        assert held is not None, "a deal out of a position that was never opened"
        assert held.side != deal.type
        if deal.entry != 3:
            closed = min(deal.volume, held.volume)
            expected = self.profit(held.symbol, held.side, closed, held.price, deal.price)
            assert self.near(deal.profit, expected), (deal, expected)
        assert deal.volume <= held.volume + 1e-9 or deal.entry == 2
        held.volume = round(held.volume - deal.volume, 8)
        if deal.entry == 2:
            rate = self.margin_rate(deal.symbol, deal.type, deal.price)
            self.held[deal.position_id] = Held(held.symbol, deal.type, -held.volume, deal.price, rate)
        elif held.volume == 0.0:
            del self.held[deal.position_id]

    def total_margin(self) -> float:
        """Margin of everything, by symbol, as section 4.4 adds it up."""
        sides: dict[str, list[list[tuple[float, float]]]] = defaultdict(lambda: [[], []])
        for held in self.held.values():
            margin = self.margin(held.symbol, held.side, held.volume, held.price, position=True) * held.rate
            sides[held.symbol][held.side].append((held.volume, margin))
        waiting = defaultdict(list)
        for order in self.mt5.orders_get():
            waiting[order.symbol].append(order)
        total = 0.0
        for symbol in sides.keys() | waiting.keys():
            total += self._margin_of(symbol, sides[symbol], waiting[symbol])
        return total

    def _margin_of(self, symbol: str, sides: list[list[tuple[float, float]]], waiting: list[Any]) -> float:
        profile = self.profiles[symbol]
        volumes = [sum(volume for volume, _ in side) for side in sides]
        margins = [sum(margin for _, margin in side) for side in sides]
        if not self.is_hedging:
            return self._netted(symbol, margins, waiting)
        if not all(volumes):
            return max(margins)
        if profile.margin_hedged_use_leg:
            return max(margins)
        bigger = 0 if volumes[0] >= volumes[1] else 1
        covered = min(volumes)
        per_lot = profile.margin_maintenance or profile.margin_initial or profile.contract_size
        hedged = covered * profile.margin_hedged / per_lot * sum(margins) / sum(volumes)
        return margins[bigger] * (volumes[bigger] - covered) / volumes[bigger] + hedged

    def _netted(self, symbol: str, margins: list[float], waiting: list[Any]) -> float:
        part = 1.0 if self.is_exchange else self.profiles[symbol].margin_rate_pending
        limits, stops = [0.0, 0.0], 0.0
        for order in waiting if part else ():
            side = order.type % 2 if order.type < 6 else order.type - 6
            price = order.price_stoplimit or order.price_open
            margin = self.margin(symbol, side, order.volume_current, price, position=False)
            margin *= part * self.margin_rate(symbol, side, price)
            if order.type in (4, 5, 6, 7):
                stops += margin
            else:
                limits[side] += margin
        return max(margins[0] + limits[0], margins[1] + limits[1]) + stops

    def check(self) -> None:
        """Compare what the account says with what must be."""
        self._check_positions()
        self._check_money()
        self._check_history()

    def _check_positions(self) -> None:
        positions = self.mt5.positions_get()
        assert {position.identifier for position in positions} == self.held.keys()
        for position in positions:
            held = self.held[position.identifier]
            assert (position.symbol, position.type) == (held.symbol, held.side)
            assert abs(position.volume - held.volume) < 1e-8
            assert abs(position.price_open - held.price) <= 1e-9 * held.price
            price = self.ask(held.symbol) if held.side else self.bid(held.symbol)
            assert position.price_current == price
            assert self.near(position.profit, self.profit(held.symbol, held.side, held.volume, held.price, price))
            assert position.time_update_msc >= position.time_msc
        if not self.is_hedging:
            assert len({position.symbol for position in positions}) == len(positions)

    def _check_money(self) -> None:
        info = self.mt5.account_info()
        deals = self.desk.deals()
        credit = sum(deal.profit for deal in deals if deal.type == 3)
        booked = sum(deal.profit + deal.swap + deal.commission + deal.fee for deal in deals if deal.type != 3)
        floating = sum(position.profit + position.swap for position in self.mt5.positions_get())
        assert abs(info.balance - booked) < 1e-6 * max(1.0, abs(booked))
        assert abs(info.credit - credit) < 1e-6
        assert abs(info.profit - floating) < 1e-6
        assert abs(info.equity - (booked + credit + floating)) < 1e-6 * max(1.0, abs(booked))
        assert self.near(info.margin, self.total_margin()), (info.margin, self.total_margin())
        assert abs(info.margin_free - (info.equity - info.margin)) < 1e-6
        level = info.equity / info.margin * 100 if info.margin else 0.0
        assert abs(info.margin_level - level) <= 1e-9 * abs(level)

    def _check_history(self) -> None:
        past = self.mt5.history_orders_get(0, 2**31 - 1)
        active = self.mt5.orders_get()
        deals = self.desk.deals()
        tickets = [order.ticket for order in past] + [order.ticket for order in active]
        assert len(set(tickets)) == len(tickets), "an order twice, or both active and past"
        assert len({deal.ticket for deal in deals}) == len(deals)
        assert [order.time_done_msc for order in past] == sorted(order.time_done_msc for order in past)
        filled: dict[int, float] = defaultdict(float)
        for deal in deals:
            if deal.order:
                filled[deal.order] += deal.volume / (2 if deal.entry == 3 else 1)
        for order in past:
            assert order.state in CLOSED_STATES
            assert abs(filled.pop(order.ticket, 0.0) - (order.volume_initial - order.volume_current)) < 1e-8, order
            assert (order.state == 4) == (order.volume_current == 0.0)
            assert order.time_done_msc >= order.time_setup_msc
        for order in active:
            assert order.state in (1, 3)
            assert order.volume_current > 0
            assert abs(filled.pop(order.ticket, 0.0) - (order.volume_initial - order.volume_current)) < 1e-8
        assert not filled, "a deal without an order"
