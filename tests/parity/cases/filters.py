"""Cases on the filters of lists: group, symbol, ticket, position."""

_TEXTS = ("'EURUSD'", "None", "1", "b'x'", "''", "Name('EURUSD')", "'A' * 29", "'A' * 30", "'A' * 31", "'ж' * 29",
          "'ж' * 30", "'😀' * 14", "'😀' * 15", "'A\\0B'", "'\\ud800'", "[]")  # fmt: skip
_GROUPS = ("'*'", "'*USD*,!EUR*'", "''", "None", "1", "b'*'", "Name('*')", "'x' * 1996", "'x' * 1997", "'x' * 1998",
           "'ж' * 1997", "'ж' * 1998", "'😀' * 998", "'😀' * 999", "'*\\0'", "'\\ud800'", "','", "'!'")  # fmt: skip
_TICKETS = ("1", "0", "-1", "'1'", "None", "1.0", "True", "False", "np.int64(1)", "np.uint64(1)", "2**31", "2**32",
            "2**63", "2**64 - 1", "2**64", "10**30", "Level.ONE", "Whole(1)", "Indexed()", "Floated()", "[]",
            "Colour.RED")  # fmt: skip

FILTERS: tuple[str, ...] = (
    "mt5.symbols_get()",
    "mt5.symbols_get(1)",
    "mt5.symbols_get(None)",
    "mt5.symbols_get(1, 2)",
    "mt5.symbols_get('*', '*')",
    "mt5.symbols_get('*', 1)",
    "mt5.symbols_get('*', group='*')",
    "mt5.symbols_get('*', group=1)",
    "mt5.symbols_get(1, group='*')",
    "mt5.symbols_get(foo=1)",
    "mt5.symbols_get(symbol='EURUSD')",
    "mt5.symbols_get(*(), **{})",
    "mt5.symbols_get(*('*',), **{})",
    *(f"mt5.symbols_get({value})" for value in _GROUPS),
    *(f"mt5.symbols_get(group={value})" for value in _GROUPS),
    *(
        f"mt5.{name}_get({arguments})"
        for name in ("positions", "orders")
        for arguments in (
            "", "'EURUSD'", "1", "None", "'EURUSD', 1", "'EURUSD', symbol='EURUSD'", "foo=1", "magic=1", "foo=1, bar=2",
            "*(), **{}", "*('EURUSD',), **{}", "**{}", "*()",
            "symbol=1, ticket=1", "symbol='EURUSD', ticket='1'", "symbol=1, group=1", "symbol='EURUSD', group=1",
            "ticket=1, group=1", "ticket=1, symbol='EURUSD', group='*'", "group=1, symbol=1, ticket='1'",
            "symbol='EURUSD', foo=1", "ticket=0, symbol=1", "symbol='', group=1", "symbol=''",
            "symbol='A' * 30, ticket=1",
            *(f"symbol={value}" for value in _TEXTS),
            *(f"group={value}" for value in _GROUPS),
            *(f"ticket={value}" for value in _TICKETS),
        )
    ),
    *(
        f"mt5.history_{name}_get({arguments})"
        for name in ("orders", "deals")
        for arguments in (
            "", "foo=1", "group='*'", "group=1", "symbol='EURUSD'", "**{}", "*()", "*(), **{}", "*(1, 2), **{}",
            "ticket=1, position='x'", "position=1, ticket='x'", "ticket='x', position='x'",
            "position=1, group=1", "ticket=1, group=1", "ticket=1, group='*'", "ticket=0, position='x'",
            "1, 2, ticket='x'", "1, 2, position='x'", "1, 2, ticket=1, group=1", "1, ticket=1", "1, position=1",
            "'x', 'y', ticket=1", "1, 2, 3, ticket=1", "1, 2, symbol=1", "1, 2, foo=1", "'x', 'y', group=1",
            "'x', 2, ticket=1", "1, 'y', position=1", "2**31, 2, group=1", "2**31, 2, ticket=1",
            *(f"1, 2, group={value}" for value in _GROUPS),
            *(f"ticket={value}" for value in _TICKETS),
            *(f"position={value}" for value in _TICKETS),
        )
    ),
)  # fmt: skip
"""Which filters are looked at, and which values they take."""
