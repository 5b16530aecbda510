"""MetaTrader 5 terminals: one synchronous adapter over any module shaped like the `MetaTrader5` package.

A trade travels `workers` -> `adapter` -> the module, and back; a tick travels the module -> `polling` -> the listener.
`providers` opens terminals; only its `simulated` and `simulator_state` know the simulated terminal.
"""
