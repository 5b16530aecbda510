"""Runs the parity cases on the genuine `MetaTrader5` package, under Wine, and compares the simulated one with it."""
