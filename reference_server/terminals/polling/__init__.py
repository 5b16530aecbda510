"""One poller for each account: what changed, as events."""
