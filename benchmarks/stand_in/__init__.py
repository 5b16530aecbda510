"""Put on the module path of the peer, so that its `import MetaTrader5` finds the simulated terminal."""
