"""The keys of a symbol file: what each means, what it may hold. Every key and every check is in one table."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

CALCULATION_MODES = (0, 1, 2, 3, 4, 5, 32, 33, 38)
FUTURES_MODES = (1, 33)
MINUTES_PER_DAY = 1440
REQUIRED = "required"
LONGEST_NAME = 29
MOST = 1e12  # any number of a symbol, so that no sum or product of them overflows

_CLOCK = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be a text"


def _name(value: Any) -> str | None:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_NAME:
        return f"must be a text of 1 to {LONGEST_NAME} characters"
    return None if value.isprintable() and value == value.strip() else "must be a text that can be typed"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _whole(low: int, high: int) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if fits else f"must be a whole number from {low} to {high}"

    return check


def _one_of(*allowed: int) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        if isinstance(value, int) and not isinstance(value, bool) and value in allowed:
            return None
        return f"must be one of {', '.join(map(str, allowed))}"

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST


def _is_beyond(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) > MOST


def _number(value: Any) -> str | None:
    return None if _is_number(value) else "must be a number"


def _not_negative(value: Any) -> str | None:
    return None if _is_number(value) and value >= 0 else "must be a number, 0 or more"


def _not_negative_or_null(value: Any) -> str | None:
    return None if value is None or _not_negative(value) is None else "must be a number, 0 or more, or null"


def _positive(value: Any) -> str | None:
    return None if _is_number(value) and value > 0 else "must be a number above 0"


def minutes_of(clock: str) -> int:
    """Minutes since midnight of a text like 23:59; 24:00 is the end of the day. Raises ValueError."""
    match = _CLOCK.fullmatch(clock)
    minutes = int(match[1]) * 60 + int(match[2]) if match else MINUTES_PER_DAY + 1
    if minutes > MINUTES_PER_DAY:
        raise ValueError(f"{clock!r} is no time of the day")
    return minutes


def _two_names(value: Any) -> str | None:
    if value is None or (isinstance(value, list) and len(value) == 2 and not any(map(_name, value))):
        return None
    return "must be a list of two symbols, or null"


def _sessions(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return 'must map weekdays ("0" is Monday) to lists of [from, to]'
    for day, spans in value.items():
        if day not in {"0", "1", "2", "3", "4", "5", "6"}:
            return f'has the weekday {day!r}: "0" is Monday, "6" is Sunday'
        if not isinstance(spans, list):
            return f"must have a list of [from, to] for weekday {day}"
        end = 0
        for span in spans:
            if not (isinstance(span, list) and len(span) == 2 and all(isinstance(clock, str) for clock in span)):
                return f'has {span!r} for weekday {day}: a session is ["HH:MM", "HH:MM"]'
            try:
                start, until = map(minutes_of, span)
            except ValueError as error:
                return f"has {span!r} for weekday {day}: {error}"
            if not end <= start < until:
                return f"has {span!r} for weekday {day}: sessions follow each other, and end after they begin"
            end = until
    return None


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a symbol: the check of its value, its default (or REQUIRED), and what it means."""

    check: Callable[[Any], str | None]
    default: Any
    meaning: str


KEYS: Mapping[str, Key] = MappingProxyType(
    {
        "name": Key(_name, REQUIRED, "as the broker lists it, suffix included: EURUSD, EURUSDm, US500.cash"),
        "path": Key(_text, REQUIRED, "folder in the symbol tree and name, parted by backslashes"),
        "description": Key(_text, REQUIRED, "in words"),
        "digits": Key(_whole(0, 8), REQUIRED, "decimals of a price; a point is the unit of the last one"),
        "contract_size": Key(_positive, REQUIRED, "units of the base per lot"),
        "calc_mode": Key(
            _one_of(*CALCULATION_MODES),
            REQUIRED,
            "how margin and profit are calculated: 0 Forex, 5 Forex without leverage, 1 futures, 2 CFD, 3 index CFD, "
            "4 CFD with leverage, 32 and 38 exchange stocks, 33 exchange futures",
        ),
        "currency_base": Key(_name, REQUIRED, "what a lot is made of"),
        "currency_profit": Key(_name, REQUIRED, "the currency of the price"),
        "currency_margin": Key(_name, REQUIRED, "the currency that margin is calculated in"),
        "mid_price": Key(_positive, REQUIRED, "the price that generated prices move around"),
        "spread_points": Key(_whole(0, 10**7), REQUIRED, "usual spread, in points"),
        "night_spread_points": Key(_whole(0, 10**7), REQUIRED, "spread around the server's midnight, in points"),
        "daily_volatility": Key(_positive, REQUIRED, "how far generated prices move in a day: 0.005 is half a percent"),
        "tick_interval_ms": Key(_whole(1, 10**9), REQUIRED, "milliseconds between generated ticks, about"),
        "price_range": Key(_positive, 0.5, "generated prices stay within this factor of mid_price: 0.5 is 50 %"),
        "cross_of": Key(
            _two_names, None, "two symbols whose generated prices it follows: EURJPY is EURUSD times USDJPY"
        ),
        "sessions": Key(
            _sessions,
            {},
            'when it trades: weekday ("0" is Monday) to a list of ["HH:MM", "HH:MM"] of the server\'s clock',
        ),
        "tick_size": Key(_not_negative, 0.0, "prices are multiples of this; 0: of a point"),
        "tick_value": Key(
            _not_negative,
            0.0,
            "what one tick is worth in the profit currency: of a lot of futures, of one unit of an index CFD; 0: what "
            "follows from contract_size",
        ),
        "volume_min": Key(_positive, 0.01, "smallest volume, in lots"),
        "volume_max": Key(_positive, 100.0, "largest volume of one order, in lots"),
        "volume_step": Key(_positive, 0.01, "volumes are multiples of this"),
        "volume_limit": Key(_not_negative, 0.0, "most lots in one direction, positions and orders; 0: no limit"),
        "liquidity": Key(_not_negative, 0.0, "lots offered on each side at each tick; 0: no limit, no partial fills"),
        "book_depth": Key(_whole(0, 64), 0, "levels on each side of the depth of market; 0: there is none"),
        "stops_level": Key(_whole(0, 10**7), 0, "least distance of stops and pending orders, in points"),
        "freeze_level": Key(
            _whole(0, 10**7), 0, "nothing within this distance of the market can be changed, in points"
        ),
        "margin_rate": Key(
            _not_negative, 1.0, "multiplies the margin: 0.05 is a leverage of 20 where no other applies"
        ),
        "margin_rate_sell": Key(_not_negative_or_null, None, "the same for sells; null: as margin_rate"),
        "margin_rate_pending": Key(
            _not_negative, 0.0, "part of the margin that a pending order holds; exchange accounts: all"
        ),
        "margin_initial": Key(_not_negative, 0.0, "margin per lot in the margin currency; 0: by the calculation mode"),
        "margin_maintenance": Key(_not_negative, 0.0, "the same for open positions; 0: as margin_initial"),
        "margin_hedged": Key(
            _not_negative,
            0.0,
            "of a lot that is held both ways: its contract size, or its margin if margin_initial is set",
        ),
        "margin_hedged_use_leg": Key(_flag, False, "hedged positions need the margin of the larger side"),
        "commission_per_lot": Key(_number, 0.0, "in the deposit currency, at each deal"),
        "commission_percent": Key(_number, 0.0, "of the value of a deal"),
        "commission_entry_only": Key(_flag, False, "commission is charged for opening, not for closing"),
        "trade_mode": Key(_whole(0, 4), 4, "0 not traded, 1 long only, 2 short only, 3 close only, 4 in full"),
        "execution_mode": Key(_whole(0, 3), 2, "0 request, 1 instant, 2 market, 3 exchange"),
        "filling_mode": Key(_whole(0, 7), 3, "bits: 1 fill or kill, 2 immediate or cancel, 4 book or cancel"),
        "expiration_mode": Key(_whole(0, 15), 15, "bits: 1 until cancelled, 2 day, 4 moment, 8 end of a day"),
        "order_mode": Key(
            _whole(0, 127), 127, "bits: 1 market, 2 limit, 4 stop, 8 stop-limit, 16 sl, 32 tp, 64 close by"
        ),
        "order_gtc_mode": Key(_whole(0, 2), 0, "0 orders stay, 1 they and stops end with the day, 2 only they end"),
        "chart_mode": Key(_whole(0, 1), 0, "0 bars and triggers by bid and ask, 1 by the last trade"),
        "swap_mode": Key(
            _whole(0, 8),
            0,
            "0 none, 1 points, 2 base, 3 margin, 4 deposit currency per lot, 5 percent a year of the present price, "
            "6 of the open price, 7 reopened at the close price, 8 at the bid",
        ),
        "swap_long": Key(_number, 0.0, "swap of a buy, in the unit of swap_mode; negative is a cost"),
        "swap_short": Key(_number, 0.0, "swap of a sell"),
        "swap_rollover3days": Key(
            _whole(0, 7), 3, "the weekday with triple swap and none at weekends, 0 is Sunday; 7: the same every day"
        ),
    }
)
"""Every key of a symbol of a symbol file, in no order. A file is `{"symbols": [{...}, ...]}`."""


def checked(values: Any) -> dict[str, Any]:
    """The values of one symbol with numbers as the fields need them. Raises ValueError naming symbol and key."""
    if not isinstance(values, Mapping):
        raise ValueError(f"a symbol must be an object, not {values!r}")
    title = f"symbol {values.get('name', '?')!r}"
    for name in values:
        if name not in KEYS:
            raise ValueError(f"{title}: there is no key {name!r}")
    content = {}
    for name, key in KEYS.items():
        if name not in values:
            if key.default is REQUIRED:
                raise ValueError(f"{title}: {name} is missing")
            continue
        wrong = "must be at most 1e12" if _is_beyond(values[name]) else key.check(values[name])
        if wrong:
            shown = f", not {values[name]!r}" if wrong.startswith("must be") else ""
            raise ValueError(f"{title}: {name} {wrong}{shown}")
        content[name] = values[name]
    wrong = _contradiction({name: content.get(name, key.default) for name, key in KEYS.items()})
    if wrong:
        raise ValueError(f"{title}: {wrong}")
    return content


def _contradiction(values: Mapping[str, Any]) -> str | None:
    if values["volume_min"] > values["volume_max"]:
        return f"volume_min {values['volume_min']} is above volume_max {values['volume_max']}"
    steps = values["volume_min"] / values["volume_step"]
    if abs(steps - round(steps)) > 1e-6:
        return f"volume_min {values['volume_min']} is no multiple of volume_step {values['volume_step']}"
    if 0 < values["volume_limit"] < values["volume_min"]:
        return f"volume_limit {values['volume_limit']} is below volume_min {values['volume_min']}"
    ticks = values["tick_size"] * 10 ** values["digits"]
    if abs(ticks - round(ticks)) > 1e-6:
        return f"tick_size {values['tick_size']} has more decimals than digits {values['digits']}"
    if values["calc_mode"] in FUTURES_MODES and not values["margin_initial"]:
        return f"margin_initial is missing: calc_mode {values['calc_mode']} has no other margin"
    smallest = values["tick_size"] or 10.0 ** -values["digits"]
    if values["mid_price"] < smallest:
        return f"mid_price {values['mid_price']} is below the smallest price, {smallest:g}"
    if not values["expiration_mode"] & 15:
        return "expiration_mode allows no expiration at all"
    return None
