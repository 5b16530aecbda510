"""Random calls, the same for the same seed: what nobody thought of as a case. Standard library only."""

from random import Random

VALUES = (
    "1", "0", "-1", "2", "10", "1.0", "0.1", "-1.5", "-0.0", "1e300", "1j", "None", "True", "False", "''", "'1'", "'*'",
    "'EURUSD'", "'x' * 29", "'x' * 30", "'x' * 253", "'x' * 254", "'x' * 257", "'x' * 258", "'x' * 1997", "'x' * 1998",
    "'a\\0b'", "b'x'", "bytearray(b'x')", "[]", "()", "{}", "{'a': 1}", "range(3)", "frozenset()", "object", "len",
    "2**31 - 1", "2**31", "-2**31", "-2**31 - 1", "2**32 - 1", "2**32", "2**63", "2**64 - 1", "2**64", "10**30",
    "1704067200", "1704067200000", "float('nan')", "float('inf')", "np.int64(1)", "np.int32(3)", "np.float64(1.5)",
    "np.float32(1)", "np.str_('EURUSD')", "np.datetime64('2024-01-01')", "datetime(2024, 1, 1)", "date(2024, 1, 1)",
    "datetime(2024, 1, 1, tzinfo=timezone.utc)", "datetime(1960, 1, 1)", "datetime(1970, 1, 2)", "datetime(3001, 1, 2)",
    "datetime(9999, 1, 1, tzinfo=timezone.utc)", "timedelta(1)", "Level.ONE", "Colour.RED", "Ratio(1.5)", "Name('x')",
    "Name('x' * 30)", "Whole(3)", "Whole(-1)", "Whole(2**40)", "Indexed()", "Floated()", "Falsy()", "Table(action=1)",
    "types.MappingProxyType({})", "mt5.Tick(range(8))", "mt5.TradeRequest([0] * 17)", "Exception()",
)  # fmt: skip
BEYOND_ASCII = ("'ж' * 30", "'😀' * 15", "'\\ud800'")
"""Not for `initialize`: a path with such characters ends the genuine package's process."""

ACCEPTED = {
    "Buy": ("'EURUSD'", "0.1", "1.1"),
    "Close": ("'EURUSD'",),
    "Sell": ("'EURUSD'", "0.1", "1.1"),
    "account_info": (),
    "copy_rates_from": ("'EURUSD'", "1", "1704067200", "10"),
    "copy_rates_from_pos": ("'EURUSD'", "1", "0", "10"),
    "copy_rates_range": ("'EURUSD'", "1", "1", "2"),
    "copy_ticks_from": ("'EURUSD'", "1", "10", "1"),
    "copy_ticks_range": ("'EURUSD'", "1", "2", "1"),
    "history_deals_get": ("1", "2"),
    "history_deals_total": ("1", "2"),
    "history_orders_get": ("1", "2"),
    "history_orders_total": ("1", "2"),
    "initialize": ("'nope'",),
    "last_error": (),
    "login": ("5", "'p'", "'s'"),
    "market_book_add": ("'EURUSD'",),
    "market_book_get": ("'EURUSD'",),
    "market_book_release": ("'EURUSD'",),
    "order_calc_margin": ("0", "'EURUSD'", "1.0", "1.0"),
    "order_calc_profit": ("0", "'EURUSD'", "1.0", "1.0", "1.0"),
    "order_check": ("{'action': 1}",),
    "order_send": ("{'action': 1}",),
    "orders_get": (),
    "orders_total": (),
    "positions_get": (),
    "positions_total": (),
    "shutdown": (),
    "symbol_info": ("'EURUSD'",),
    "symbol_info_tick": ("'EURUSD'",),
    "symbol_select": ("'EURUSD'", "True"),
    "symbols_get": ("'*'",),
    "symbols_total": (),
    "terminal_info": (),
    "version": (),
}
"""Every function with positional arguments that it accepts."""

_FIELDS = ("action", "magic", "order", "symbol", "volume", "price", "sl", "tp", "deviation", "type", "type_filling",
           "expiration", "comment", "position", "foo")  # fmt: skip
_HISTORY = ("group", "ticket", "position", "foo")
KEYWORDS = {
    "Buy": ("comment", "ticket", "price", "symbol"),
    "Close": ("comment", "ticket", "symbol"),
    "Sell": ("comment", "ticket", "price", "volume"),
    "history_deals_get": _HISTORY,
    "history_orders_get": _HISTORY,
    "initialize": ("path", "login", "password", "server", "timeout", "portable", "foo"),
    "login": ("login", "password", "server", "timeout", "foo"),
    "order_check": _FIELDS,
    "order_send": _FIELDS,
    "orders_get": ("symbol", "group", "ticket", "foo"),
    "positions_get": ("symbol", "group", "ticket", "foo"),
    "symbols_get": ("group", "foo"),
}
"""The keywords of those that take some, and one that none takes."""

WRAPPERS = (
    *("mt5.{name}({given})",) * 8,
    "forward(mt5.{name}{more})",
    "in_thread(lambda: mt5.{name}({given}))",
    "functools.partial(mt5.{name}{more})()",
    "functools.partial(mt5.{name}{more})(**{{}})",
)


def random_calls(seed: int, count: int) -> list[str]:
    """That many calls, without repetitions."""
    chance = Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[_call(chance)] = None
    return list(found)


def _call(chance: Random) -> str:
    name = chance.choice(list(ACCEPTED))
    values = VALUES if name == "initialize" else VALUES + BEYOND_ASCII
    arguments = list(ACCEPTED[name])
    if name.startswith("order_") and name in KEYWORDS:
        fields = chance.sample(_FIELDS, chance.choice((1, 2, 3, 5)))
        arguments = [f"{{{', '.join(f'{field!r}: {chance.choice(values)}' for field in fields)}}}"]
    if chance.random() < 0.6:
        for _ in range(chance.choice((1, 1, 2, 3)) if arguments else 0):
            arguments[chance.randrange(len(arguments))] = chance.choice(values)
    if chance.random() < 0.15:
        arguments = arguments[: chance.randrange(len(arguments) + 1)]
    if chance.random() < 0.1:
        arguments.append(chance.choice(values))
    names = KEYWORDS.get(name, ("symbol",))
    if chance.random() < (0.5 if name in KEYWORDS else 0.05):
        for keyword in chance.sample(names, chance.randint(1, min(3, len(names)))):
            arguments.append(f"{keyword}={chance.choice(values)}")
    more = "".join(f", {argument}" for argument in arguments)
    return chance.choice(WRAPPERS).format(name=name, given=", ".join(arguments), more=more)
