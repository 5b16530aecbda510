"""The rhythm of a symbol's market: how its trading time passes, how busy it is, how wide its spread, where it gaps."""

from dataclasses import dataclass

import numpy as np

from reference_server.simulator.arrays import Floats, Integers
from reference_server.simulator.listing.calendar import (
    MINUTES_PER_WEEK,
    Calendar,
    open_minutes,
    rests_on_weekends,
    running_total,
)
from reference_server.simulator.listing.symbols import MINUTES_PER_DAY, SymbolProfile
from reference_server.simulator.prices.path import fraction, scrambled

FOREX_MODES = (0, 5)  # SYMBOL_CALC_MODE_FOREX, and without leverage
NIGHT_FROM, NIGHT_UNTIL = 23 * 60 + 55, 15  # minutes of the server's day in which spreads are those of the night
GAP_POINTS = (10, 50)  # of the first price of a week, of a currency pair
GAP_VOLATILITY = (0.02, 0.09)  # of the first price of a week, of anything else, in parts of a day's volatility
NEWS_CHANCE = 1 / 12  # of an hour to bring news, at its beginning or in its middle
NEWS_MINUTES = 3
NEWS_SPREAD = (3.0, 10.0)
NEWS_PACE, NEWS_REACH = 2.0, 4.0
# Ticks and volatility by the hour of the server's clock (New York + 7): Asia, London, both, New York, the quiet end.
# The price of a currency pair moves 1 to 5 times a second when it is busy, and once in five seconds at night.
HOURS = (0.07, 0.2, 0.35, 0.4, 0.4, 0.35, 0.3, 0.3, 0.4, 0.8, 1.0, 1.0, 0.9, 0.8, 0.9, 1.2, 1.3, 1.3, 1.1, 0.8, 0.6,
         0.5, 0.3, 0.1)  # fmt: skip

Booleans = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Pace:
    """What the rhythm says of some consecutive minutes.

    `clock` is the trading time at which each begins, and one more for the end of the last; `shift` moves the walk at
    those points. `activity` multiplies the number of ticks, `reach` the way that a price goes within the minute,
    `spread` the usual spread. A minute that is not `is_open` has no ticks.
    """

    clock: Floats
    shift: Floats | float
    is_open: Booleans | None
    activity: Floats | float
    volatility: Floats | float
    reach: Floats | float
    is_night: Booleans
    spread: Floats | float


class Rhythm:
    """The week of one symbol. Even in a market that never closes, the spread is the night's around midnight."""

    def __init__(self, symbol: SymbolProfile, calendar: Calendar, news_key: int, gap_key: int) -> None:
        self._symbol = symbol
        self._calendar = calendar
        self._news_key = news_key
        self._gap_key = gap_key
        minute_of_day = np.arange(MINUTES_PER_WEEK) % MINUTES_PER_DAY
        self._is_night = (minute_of_day >= NIGHT_FROM) | (minute_of_day < NIGHT_UNTIL)
        if not calendar.always_open:
            activity = np.array(HOURS)[minute_of_day // 60]
            self._activity = np.where(self._is_night, HOURS[0], activity) if self._sleeps() else np.ones(len(activity))
            self._is_open = open_minutes(symbol)
            weights = self._activity * self._is_open
            days = len(set(symbol.sessions)) or 1
            self._weight = weights * (days * MINUTES_PER_DAY / (weights.sum() or 1.0))
            self._passed = running_total(self._weight)

    def _sleeps(self) -> bool:
        return rests_on_weekends(self._symbol)

    def of(self, first: int, last: int) -> Pace:
        """The pace of the minutes of UTC from `first` to before `last`."""
        minutes = np.arange(first, last + 1, dtype=np.int64)
        counted = self._calendar.week_minutes(minutes)
        weeks, places = np.divmod(counted, MINUTES_PER_WEEK)
        here = places[:-1]
        if self._calendar.always_open:
            return Pace(minutes.astype(np.float64), 0.0, None, 1.0, 1.0, 1.0, self._is_night[here], 1.0)
        clock = weeks * self._passed[-1] + self._passed[places]
        weights = self._weight[here]
        has_news, widening = self._news(counted[:-1])
        return Pace(
            clock=clock,
            shift=self._gaps(weeks),
            is_open=self._is_open[here],
            activity=self._activity[here] * np.where(has_news, NEWS_PACE, 1.0),
            volatility=weights,
            reach=np.where(has_news, NEWS_REACH, 1.0),
            is_night=self._is_night[here],
            spread=widening,
        )

    def _news(self, counted: Integers) -> tuple[Booleans, Floats]:
        """Which minutes follow news, the same ones for every symbol, and by how much they widen the spread."""
        hours, minute = np.divmod(counted, 60)
        first = int(hours.min())
        words = scrambled(self._news_key, np.arange(first, int(hours.max()) + 1, dtype=np.int64))
        start = np.where(fraction(words, 0) < NEWS_CHANCE, np.where(fraction(words, 12) < 0.5, 0, 30), 60)
        low, high = NEWS_SPREAD
        width = low + (high - low) * fraction(words, 24)
        places = hours - first
        since = minute - start[places]
        has_news = (since >= 0) & (since < NEWS_MINUTES)
        return has_news, np.where(has_news, width[places], 1.0)

    def _gaps(self, weeks: Integers) -> Floats | float:
        """How far the level of a week is from the walk: small in even weeks, larger to either side in odd ones."""
        symbol = self._symbol
        if not rests_on_weekends(symbol):
            return 0.0
        if symbol.calc_mode in FOREX_MODES:
            least, most = (points * symbol.point / symbol.mid_price for points in GAP_POINTS)
        else:
            least, most = (part * symbol.daily_volatility for part in GAP_VOLATILITY)
        first = int(weeks.min())
        numbers = np.arange(first, int(weeks.max()) + 1, dtype=np.int64)
        words = scrambled(self._gap_key, numbers)
        slack = (most - least) / 4
        small = (fraction(words, 0) * 2 - 1) * slack
        large = (least + slack + fraction(words, 0) * 2 * slack) * np.where(fraction(words, 12) < 0.5, -1.0, 1.0)
        level: Floats = np.where(numbers % 2 == 0, small, large)[weeks - first]
        return level
