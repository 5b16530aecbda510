"""MetaTrader 5 terminals: one synchronous adapter over any module shaped like the `MetaTrader5` package.

A trade travels `inline` -> `adapter` -> `requests` -> the module, and back through `retcodes` and `shapes`; a tick
travels the module -> `poller` -> the listener. Only `simulated` and `simulator_state` know the simulated
terminal.
"""
