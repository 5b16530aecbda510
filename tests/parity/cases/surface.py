"""Cases on what the module holds: names, kinds and texts that describe it."""

FUNCTIONS = (
    "account_info", "copy_rates_from", "copy_rates_from_pos", "copy_rates_range", "copy_ticks_from", "copy_ticks_range",
    "history_deals_get", "history_deals_total", "history_orders_get", "history_orders_total", "initialize",
    "last_error", "login", "market_book_add", "market_book_get", "market_book_release", "order_calc_margin",
    "order_calc_profit", "order_check", "order_send", "orders_get", "orders_total", "positions_get", "positions_total",
    "shutdown", "symbol_info", "symbol_info_tick", "symbol_select", "symbols_get", "symbols_total", "terminal_info",
    "version",
)  # fmt: skip
"""The functions of the binary part of the package."""

HELPERS = ("Buy", "Sell", "Close")
"""The functions of its Python part."""


def _of_function(name: str) -> tuple[str, ...]:
    return (
        f"mt5.{name}.__name__",
        f"mt5.{name}.__module__",
        f"callable(mt5.{name})",
        f"type(mt5.{name}.__doc__)",
    )


SURFACE: tuple[str, ...] = (
    "[name for name in dir(mt5) if not name.startswith('_')]",
    "hasattr(mt5, '__all__')",
    "mt5.__version__",
    "mt5.__author__",
    "mt5.__name__",
    "mt5.__doc__",
    "mt5.__package__",
    "mt5.nothing_of_the_kind",
    "hasattr(mt5, 'nothing_of_the_kind')",
    "sorted(name for name, value in vars(mt5).items() if not name.startswith('_') and isinstance(value, type))",
    "len([name for name in dir(mt5) if isinstance(getattr(mt5, name), int) and not name.startswith('_')])",
    "mt5.order_send is mt5.order_send",
    "mt5.order_send == mt5.order_send",
    "mt5.order_send != mt5.order_check",
    "len({mt5.order_send, mt5.order_send, mt5.order_check})",
    "type(mt5.Tick)",
    *(case for name in (*FUNCTIONS, *HELPERS) for case in _of_function(name)),
    "getattr(mt5, 'order_send')()",
    "old, mt5.order_send = mt5.order_send, len\nfound = mt5.order_send([1, 2])\nmt5.order_send = old\nfound",
    *(f"str(inspect.signature(mt5.{name}))" for name in HELPERS),
)
"""Names, kinds, texts."""
