"""Where the simulated module is not as the genuine one, and why."""

TICK = "tick = mt5.Tick((1, 1.5, 1.6, 0.0, 0, 1000, 6, 0.0))\n"

EVERYWHERE: dict[str, tuple[str, ...]] = {
    "it says whose it is": ("mt5.__author__",),
    "it describes itself": ("mt5.__doc__",),
    "a Python function refuses keywords that are no strings, a C function ignores them": (
        "mt5.initialize(**{'login': 5, 5: 1})",
    ),
    "the fields are properties: Python code cannot make C members": (f"{TICK}type(mt5.Tick.bid).__name__",),
    "a Python class is sealed by a class of its own, a C type by a flag": ("type(mt5.Tick)",),
}
"""Cases by reason, for the object and for the stand-in module."""

OBJECT: dict[str, tuple[str, ...]] = {
    "methods are made when they are read": ("mt5.order_send is mt5.order_send",),
    "the message names the class": (
        "mt5.nothing_of_the_kind",
        "mt5.TRADE_RETCODE_HEDGE_PROHIBITED",
        "mt5.SYMBOL_FILLING_FOK",
        "mt5.ORDER_FILLING_NONE",
    ),
}
"""More for `SimulatedMetaTrader5`, an object that is no module."""

STAND_IN: dict[str, tuple[str, ...]] = {}
"""More for the module that `import MetaTrader5` finds."""


def cases_of(*lists: dict[str, tuple[str, ...]]) -> set[str]:
    """Every case that is excused."""
    return {case for reasons in lists for cases in reasons.values() for case in cases}
