"""The reference Tonpo gateway: both spec documents served over a MetaTrader 5 terminal."""
