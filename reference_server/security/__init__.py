"""Keys: API keys, the vault for MT5 credentials, and the files that hold the gateway's own secrets."""
