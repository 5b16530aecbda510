"""Cases on symbols, depth of market, bars, ticks and the calculators."""

SYMBOL_FUNCTIONS = ("symbol_info", "symbol_info_tick", "symbol_select", "market_book_add", "market_book_get",
                    "market_book_release")  # fmt: skip

_NAMES = (
    "", "'EURUSD'", "''", "1", "None", "1.0", "b'EURUSD'", "['EURUSD']", "Name('EURUSD')", "np.str_('EURUSD')",
    "'A' * 29", "'A' * 30", "'A' * 31", "'A' * 32", "'A' * 63", "'A' * 64", "'A' * 300", "'ж' * 29", "'ж' * 30",
    "'😀' * 14", "'😀' * 15", "'A\\0B'", "'\\ud800'", "'EURUSD', 1", "'EURUSD', 1, 2", "'EURUSD', None",
    "'EURUSD', Falsy()", "1, 2", "*['EURUSD']", "Colour.RED", "datetime(2024, 1, 1)",
)  # fmt: skip

_COUNTS = ("1", "0", "-1", "10.0", "'10'", "None", "True", "np.int64(10)", "np.int32(10)", "np.uint8(10)",
           "np.float64(10)", "2**31 - 1", "2**31", "-2**31", "-2**31 - 1", "2**32", "2**63", "2**64", "Level.ONE",
           "Indexed()", "Floated()", "[]", "10**30")  # fmt: skip
_NUMBERS = ("1", "1.0", "0", "-1.0", "'1'", "None", "True", "np.float64(1)", "np.float32(1)", "np.int64(1)",
            "float('nan')", "float('inf')", "Ratio(1)", "Indexed()", "Floated()", "[]", "2**64", "10**400", "1j",
            "Level.ONE", "datetime(2024, 1, 1)")  # fmt: skip

_DAY = "datetime(2024, 1, 1, tzinfo=timezone.utc)"

HISTORY = {
    "copy_rates_from": ["'EURUSD'", "1", _DAY, "10"],
    "copy_rates_from_pos": ["'EURUSD'", "1", "0", "10"],
    "copy_rates_range": ["'EURUSD'", "1", _DAY, _DAY],
    "copy_ticks_from": ["'EURUSD'", _DAY, "10", "-1"],
    "copy_ticks_range": ["'EURUSD'", _DAY, _DAY, "-1"],
}
"""A call of each that the module accepts."""

CALCULATORS = {
    "order_calc_margin": ["0", "'EURUSD'", "1.0", "1.1"],
    "order_calc_profit": ["0", "'EURUSD'", "1.0", "1.1", "1.2"],
}
"""A call of each that the module accepts."""


def _call(function: str, arguments: list[str]) -> str:
    return f"mt5.{function}({', '.join(arguments)})"


def _with(function: str, arguments: list[str], index: int, values: tuple[str, ...]) -> tuple[str, ...]:
    """The call with one argument replaced, once for each value."""
    return tuple(_call(function, [*arguments[:index], value, *arguments[index + 1 :]]) for value in values)


def _counts_of(function: str, arguments: list[str]) -> tuple[str, ...]:
    """The call with every number of arguments, and as keywords."""
    return (
        *(_call(function, arguments[:count]) for count in range(len(arguments) + 1)),
        _call(function, [*arguments, "1"]),
        _call(function, [f"symbol={arguments[0]}"]),
        _call(function, [*arguments, "foo=1"]),
        _call(function, [f"*[{', '.join(arguments)}]"]),
        _call(function, [*arguments, "**{}"]),
    )


_SYMBOL_VALUES = ("1", "None", "''", "'A' * 29", "'A' * 30", "'😀' * 15", "Name('EURUSD')", "b'EURUSD'")
_TIMEFRAMES = ("'M1'", "1.0", "None", "7", "0", "-1", "True", "np.int64(1)", "2**31", "16385", "Level.ONE", "Indexed()")

MARKET: tuple[str, ...] = (
    *(f"mt5.{function}({name})" for function in SYMBOL_FUNCTIONS for name in _NAMES),
    *(f"mt5.{function}(symbol='EURUSD')" for function in SYMBOL_FUNCTIONS),
    *(f"mt5.{function}('EURUSD', foo=1)" for function in SYMBOL_FUNCTIONS),
    *(f"mt5.{function}('EURUSD', **{{}})" for function in SYMBOL_FUNCTIONS),
    *(
        f"mt5.symbol_select('EURUSD', {value})"
        for value in ("True", "False", "0", "1", "'x'", "''", "[]", "np.bool_(False)", "1.0", "object()")
    ),
    "mt5.symbol_select(Falsy())",
    "mt5.symbol_select(1, Falsy())",
    "mt5.symbol_select('EURUSD', np.array([1, 2]))",
    "mt5.symbol_select('EURUSD', enable=True)",
    "mt5.symbol_select(enable=True)",
    *(case for function, good in HISTORY.items() for case in _counts_of(function, good)),
    *(case for function, good in HISTORY.items() for case in _with(function, good, 0, _SYMBOL_VALUES)),
    *(case for name in ("from", "from_pos", "range")
      for case in _with(f"copy_rates_{name}", HISTORY[f"copy_rates_{name}"], 1, _TIMEFRAMES)),
    *_with("copy_rates_from", HISTORY["copy_rates_from"], 3, _COUNTS),
    *_with("copy_rates_from_pos", HISTORY["copy_rates_from_pos"], 2, _COUNTS),
    *_with("copy_rates_from_pos", HISTORY["copy_rates_from_pos"], 3, _COUNTS),
    *_with("copy_ticks_from", HISTORY["copy_ticks_from"], 2, _COUNTS),
    *_with("copy_ticks_from", HISTORY["copy_ticks_from"], 3, _COUNTS),
    *_with("copy_ticks_range", HISTORY["copy_ticks_range"], 3, (*_COUNTS, "99")),
    "mt5.copy_rates_from_pos('EURUSD', 'M1', -1, 10.0)",
    "mt5.copy_rates_from_pos('EURUSD', 1, '0', 10.0)",
    "mt5.copy_rates_from_pos(1, 'M1', 0, 10)",
    "mt5.copy_rates_from(1, 'M1', 'x', 10.0)",
    "mt5.copy_rates_from('EURUSD', 'M1', 'x', 10.0)",
    "mt5.copy_rates_from('EURUSD', 1, 'x', 10.0)",
    "mt5.copy_rates_from('EURUSD', 'M1', 'x', 10)",
    "mt5.copy_rates_from('EURUSD', 'M1', 2**31, 10)",
    "mt5.copy_rates_from('EURUSD', 1, 2**31, 10.0)",
    "mt5.copy_rates_range('EURUSD', 'M1', 2**31, 2**31)",
    "mt5.copy_rates_range('EURUSD', 1, 2**31, 'x')",
    "mt5.copy_rates_range('EURUSD', 1, 'x', 2**31)",
    "mt5.copy_ticks_from('EURUSD', 'x', 10.0, 'x')",
    "mt5.copy_ticks_from('EURUSD', 2**31, 10.0, 'x')",
    "mt5.copy_ticks_range('EURUSD', 2**31, 'x', 'y')",
    "mt5.copy_ticks_range('EURUSD', 1, 2, 'y')",
    *(case for function, good in CALCULATORS.items() for case in _counts_of(function, good)),
    *(case for function, good in CALCULATORS.items() for case in _with(function, good, 0, (*_COUNTS, "8", "99"))),
    *(case for function, good in CALCULATORS.items() for case in _with(function, good, 1, _SYMBOL_VALUES)),
    *(case for function, good in CALCULATORS.items() for case in _with(function, good, 2, _NUMBERS)),
    *(case for function, good in CALCULATORS.items() for case in _with(function, good, 3, _NUMBERS)),
    *_with("order_calc_profit", CALCULATORS["order_calc_profit"], 4, _NUMBERS),
    "mt5.order_calc_margin('0', 'EURUSD', '1', '1')",
    "mt5.order_calc_margin('0', 1, '1', '1')",
    "mt5.order_calc_margin(0, 1, '1', '1')",
    "mt5.order_calc_margin(0, 'EURUSD', '1', '1')",
    "mt5.order_calc_margin(action=0, symbol='EURUSD', volume=1.0, price=1.0)",
    "mt5.order_calc_profit(action=0)",
)  # fmt: skip
"""What of a market's data the module refuses, and what it would have asked the terminal."""
