"""The one adapter: synchronous, over any module shaped like the `MetaTrader5` package."""
