"""Cases on trade requests: `order_send`, `order_check`."""

FLOATS = ("volume", "price", "stoplimit", "sl", "tp")
NARROW = ("action", "type", "type_filling", "type_time")
WIDE = ("magic", "order", "deviation", "position", "position_by")
FIELDS = (
    "action", "magic", "order", "symbol", "volume", "price", "stoplimit", "sl", "tp", "deviation", "type",
    "type_filling", "type_time", "expiration", "comment", "position", "position_by",
)  # fmt: skip
"""Every field in the order of `TradeRequest`."""

GOOD = "{'action': 1, 'symbol': 'EURUSD', 'volume': 0.1, 'type': 0, 'price': 1.1}"

_FLOAT_VALUES = ("1.0", "1", "0", "'1'", "None", "True", "np.float64(1)", "np.float32(1)", "np.int64(1)",
                 "float('nan')", "float('inf')", "-1.0", "-0.0", "1e308", "Ratio(1)", "Floated()", "[]",
                 "__import__('decimal').Decimal(1)", "__import__('fractions').Fraction(1)", "1j")  # fmt: skip
_INT_VALUES = ("1", "0", "-1", "1.0", "'1'", "None", "True", "np.int64(1)", "np.uint32(1)", "Level.ONE", "Whole(1)",
               "Indexed()", "Colour.RED", "datetime(2024, 1, 1)", "2**31 - 1", "2**31", "2**32 - 1", "2**32",
               "2**63 - 1", "2**63", "2**64 - 1", "2**64", "-2**31", "-2**63", "-2**63 - 1", "10**30",
               "[]")  # fmt: skip
_TEXT_VALUES = ("'x'", "''", "None", "1", "b'x'", "Name('x')", "np.str_('x')", "'x' * 29", "'x' * 30", "'x' * 31",
                "'x' * 32", "'x' * 64", "'ж' * 29", "'ж' * 30", "'😀' * 14", "'😀' * 15", "'a\\0b'", "'\\ud800'", "[]",
                "Colour.RED")  # fmt: skip


def _values(field: str) -> tuple[str, ...]:
    return _FLOAT_VALUES if field in FLOATS else _TEXT_VALUES if field in ("symbol", "comment") else _INT_VALUES


def _wrong(field: str) -> str:
    return f"{{**{GOOD}, '{field}': b'wrong'}}"


REQUESTS: tuple[str, ...] = (
    *(
        f"mt5.{name}({arguments})"
        for name in ("order_send", "order_check")
        for arguments in (
            "", "None", "[]", "()", "''", "1", "{}", GOOD, f"{GOOD}, {GOOD}", "{}, {}", "None, None", f"**{GOOD}",
            f"{GOOD}, comment='x'", "None, comment='x'", "{}, foo=1", "foo=1", f"request={GOOD}",
            f"collections.OrderedDict({GOOD})", f"Table({GOOD})", f"collections.defaultdict(int, {GOOD})",
            f"types.MappingProxyType({GOOD})", f"types.SimpleNamespace(**{GOOD})",
            f"collections.UserDict({GOOD})", f"collections.ChainMap({GOOD})", "mt5.TradeRequest([0] * 17)",
            "[('action', 1)]", f"dict({GOOD}, foo=1)", "{1: 2}", "{None: 1}", "{'ACTION': 'x'}", "{'action ': 'x'}",
            f"{{**{GOOD}, 5: 1}}", "{b'action': 1}", "Colour.RED", f"*[{GOOD}]", f"{GOOD}.copy()",
            "collections.Counter()", f"json.loads(json.dumps({GOOD}))", f"json.dumps({GOOD})",
            "dict.fromkeys(['action', 'symbol'])", f"**{GOOD}, request=1", "**{}", "*(), **{}", "*({},), **{}",
        )
    ),
    *(f"mt5.order_send({{**{GOOD}, '{field}': {value}}})" for field in FIELDS for value in _values(field)),
    *(f"mt5.order_check({{'{field}': {value}}})" for field in FIELDS for value in _values(field)[:10]),
    *(f"mt5.order_send({field}={value})" for field in FIELDS for value in _values(field)[:8]),
    *(f"mt5.order_send({_wrong(field)})" for field in FIELDS),
    *(
        f"mt5.order_send({{'{first}': b'wrong', '{second}': b'wrong'}})"
        for index, first in enumerate(FIELDS)
        for second in FIELDS[index + 1 :]
    ),
    "mt5.order_send({'position_by': b'wrong', 'action': -1})",
    "mt5.order_send({'action': b'wrong', 'position_by': -1})",
    "mt5.order_send({'magic': -1, 'action': 2**32})",
    f"request = {GOOD}\nmt5.order_send(request)\nrequest",
    f"request = {GOOD}\nmt5.order_check(request)\nrequest == {GOOD}",
)  # fmt: skip
"""Which requests the module hands to the terminal, and which it refuses first."""
