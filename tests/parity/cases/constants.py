"""Cases on the constants."""

PREFIXES = (
    "ACCOUNT_MARGIN_MODE_", "ACCOUNT_STOPOUT_MODE_", "ACCOUNT_TRADE_MODE_", "BOOK_TYPE_", "COPY_TICKS_", "DAY_OF_WEEK_",
    "DEAL_", "DEAL_ENTRY_", "DEAL_REASON_", "DEAL_TYPE_", "ORDER_FILLING_", "ORDER_REASON_", "ORDER_STATE_",
    "ORDER_TIME_", "ORDER_TYPE_", "POSITION_REASON_", "POSITION_TYPE_", "RES_", "SYMBOL_CALC_MODE_",
    "SYMBOL_CHART_MODE_", "SYMBOL_OPTION_MODE_", "SYMBOL_OPTION_RIGHT_", "SYMBOL_ORDERS_", "SYMBOL_SWAP_MODE_",
    "SYMBOL_TRADE_EXECUTION_", "SYMBOL_TRADE_MODE_", "TICK_FLAG_", "TIMEFRAME_", "TRADE_ACTION_", "TRADE_RETCODE_",
)  # fmt: skip

CONSTANTS: tuple[str, ...] = (
    *(f"{{name: getattr(mt5, name) for name in dir(mt5) if name.startswith('{prefix}')}}" for prefix in PREFIXES),
    "[name for name in dir(mt5) if name.isupper() and type(getattr(mt5, name)) is not int]",
    "mt5.TIMEFRAME_M1",
    "mt5.TIMEFRAME_MN1",
    "mt5.ORDER_TYPE_BUY is mt5.POSITION_TYPE_BUY",
    "type(mt5.RES_S_OK)",
    "mt5.TRADE_RETCODE_HEDGE_PROHIBITED",
    "mt5.SYMBOL_FILLING_FOK",
    "mt5.ORDER_FILLING_NONE",
)
"""Every constant with its value, by prefix."""
